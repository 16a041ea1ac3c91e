// A cell as compile-time switches, for the CPU and, in CUDA, for GPUs: NVRTC has no standard headers, so
// nothing is included here.
#pragma once

namespace odyssey {

// A variant of the LSTM. The bits are those of SWITCHES in switches.py.
template <unsigned Switches>
struct Variant {
  static constexpr bool input_gate = Switches & 1, forget_gate = Switches & 2, output_gate = Switches & 4,
                        input_activation = Switches & 8, output_activation = Switches & 16,
                        coupled_gates = Switches & 32, own_forget = forget_gate && !coupled_gates;
  // Z blocks of H units in a layer: z, then its G gates with parameters, in the order i, f, o.
  static constexpr int gates = input_gate + own_forget + output_gate, blocks = 1 + gates;
  static constexpr int i = 1, f = 1 + input_gate, o = 1 + input_gate + own_forget;
  static constexpr bool peepholes = (Switches & 64) && gates > 0,
                        gate_recurrence = (Switches & 128) && gates > 0;
  static constexpr int vectors = peepholes ? gates : 0;  // of one number a unit, beside the biases
  // Whether units have a cell beside their output, and whether a gate acts on the last block's recurrent sum.
  static constexpr bool cell = true, reset_gate = false;
};

// Cells that are no LSTM: OTHERS in switches.py.
struct NoLstm {
  static constexpr bool input_gate = false, own_forget = false, output_gate = false, input_activation = false,
                        output_activation = false, coupled_gates = false, peepholes = false,
                        gate_recurrence = false, cell = false;
  static constexpr int gates = 0;
};
// The gated recurrent unit: blocks r, u, n, and the bias within the reset gate's reach.
template <>
struct Variant<256> : NoLstm {
  static constexpr int blocks = 3, vectors = 1;
  static constexpr bool reset_gate = true;
};
// The plain network of one tanh a unit.
template <>
struct Variant<512> : NoLstm {
  static constexpr int blocks = 1, vectors = 0;
  static constexpr bool reset_gate = false;
};

}  // namespace odyssey
