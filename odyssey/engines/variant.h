// A variant as compile-time switches, for the CPU and, in CUDA, for GPUs: NVRTC has no standard
// headers, so nothing is included here.
#pragma once

namespace odyssey {

// The bits are those of SWITCHES in switches.py.
template <unsigned Switches>
struct Variant {
  static constexpr bool input_gate = Switches & 1, forget_gate = Switches & 2,
                        output_gate = Switches & 4, input_activation = Switches & 8,
                        output_activation = Switches & 16, coupled_gates = Switches & 32,
                        own_forget = forget_gate && !coupled_gates;
  // The H blocks of a layer: z, then the gates with parameters, in the order i, f, o.
  static constexpr int gates = input_gate + own_forget + output_gate, blocks = 1 + gates;
  static constexpr int i = 1, f = 1 + input_gate, o = 1 + input_gate + own_forget;
  static constexpr bool peepholes = (Switches & 64) && gates > 0,
                        gate_recurrence = (Switches & 128) && gates > 0;
};

}  // namespace odyssey
