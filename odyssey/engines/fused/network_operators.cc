// The operators of a whole network, which adapt core.h: parameters in and out, training steps, whole or
// in two halves, an evaluation.
#include "core.h"
#include "operators.h"

namespace odyssey {

namespace {

NetworkShape network_shape(const Attributes& attributes) {
  return {attribute(attributes, "inputs"), attribute(attributes, "hidden"), attribute(attributes, "outputs"),
          attribute(attributes, "directions"), Loss(attribute(attributes, "loss"))};
}

// The network of a call; its passes share the thread's memory.
std::unique_ptr<AnyNetwork> network_of(const Attributes& attributes) {
  return new_network(unsigned(attribute(attributes, "switches")), network_shape(attributes), scratch());
}

// The second thread that a pass may use, if the attribute `threads` says two.
Helper* helper(const Attributes& attributes) {
  return attribute(attributes, "threads") > 1 ? &Helper::own() : nullptr;
}

MXReturnValue pack(const Attributes& attributes, Tensors* in, Tensors* out, const OpResource&) {
  return guarded([&] {
    std::vector<const float*> arrays;
    for (MXTensor& array : *in) arrays.push_back(array.data<float>());
    network_of(attributes)->pack(arrays, (*out)[0].data<float>());
  });
}

MXReturnValue unpack(const Attributes& attributes, Tensors* in, Tensors* out, const OpResource&) {
  return guarded([&] {
    std::vector<float*> arrays;
    for (MXTensor& array : *out) arrays.push_back(array.data<float>());
    network_of(attributes)->unpack((*in)[0].data<float>(), arrays);
  });
}

MXReturnValue pack_count(const Attributes& attributes, int* inputs, int* outputs) {
  return guarded([&] { *inputs = int(network_of(attributes)->shapes().size()), *outputs = 1; });
}
MXReturnValue unpack_count(const Attributes& attributes, int* inputs, int* outputs) {
  return guarded([&] { *inputs = 1, *outputs = int(network_of(attributes)->shapes().size()); });
}

MXReturnValue pack_shape(const Attributes& attributes, Shapes* in, Shapes* out) {
  return guarded([&] {
    const auto network = network_of(attributes);
    const Shapes expected = network->shapes();
    for (std::size_t k = 0; k < expected.size(); ++k) expect("a parameter", (*in)[k], expected[k]);
    (*out)[0] = {unsigned(network->size())};
  });
}

MXReturnValue unpack_shape(const Attributes& attributes, Shapes* in, Shapes* out) {
  return guarded([&] {
    const auto network = network_of(attributes);
    expect("the parameters", (*in)[0], {unsigned(network->size())});
    *out = network->shapes();
  });
}

MXReturnValue all_float32(const Attributes&, std::vector<int>* in, std::vector<int>* out) {
  std::fill(in->begin(), in->end(), int(kFloat32));
  std::fill(out->begin(), out->end(), int(kFloat32));
  return MX_SUCCESS;
}

// Losses are float64, the table of a run int64, everything else float32.
MXReturnValue run_types(const Attributes& attributes, std::vector<int>* in, std::vector<int>* out) {
  all_float32(attributes, in, out);
  out->front() = kFloat64;
  (*in)[2] = kInt64;
  return MX_SUCCESS;
}

// A run: sequences out of x (N, D) and targets (M,), or (N, K) for sigmoid outputs, or nothing for a
// loss outside. A row of the table holds a sequence's first frame, frames, first target, targets, and
// its noise's key and presentation.
struct Sequence {
  std::int64_t first, frames, first_target, targets;
  std::uint32_t key[2], presentation[2];
};

// A row of how to train: the rule's numbers for a sequence's update, then the standard deviation of the
// noise and the probability of dropout.
constexpr int kHowNumbers = kRuleNumbers + 2;

Noise noise_of(const Sequence& now, const float* how) {
  return {how[kRuleNumbers],
          {now.key[0], now.key[1]},
          {now.presentation[0], now.presentation[1]},
          how[kRuleNumbers + 1]};
}

void expect_state(const std::vector<unsigned>& came, unsigned size) {
  expect("the rule's state", came, {came.empty() ? 1 : came[0], size});
}

Rule checked_rule(const float* numbers, const MXTensor& state) {
  const Rule rule = rule_of(numbers);
  if (state.shape[0] < rule.arrays())
    throw std::invalid_argument("the rule's state must hold " + std::to_string(rule.arrays()) + " arrays");
  return rule;
}

template <bool Training>
MXReturnValue run_shape(const Attributes& attributes, Shapes* in, Shapes* out) {
  return guarded([&] {
    const NetworkShape shape = network_shape(attributes);
    const unsigned size = unsigned(network_of(attributes)->size());
    const auto rows = [&](int k) { return (*in)[k].empty() ? 0 : (*in)[k][0]; };
    expect("x", (*in)[0], {rows(0), unsigned(shape.inputs)});
    if (has_vectors(shape.loss)) expect("the targets", (*in)[1], {rows(1), unsigned(shape.outputs)});
    else expect("the targets", (*in)[1], {rows(1)});
    expect("the table", (*in)[2], {rows(2), unsigned(sizeof(Sequence) / sizeof(std::int64_t))});
    expect("the parameters", (*in)[3], {size});
    if (Training) {
      expect_state((*in)[4], size);
      expect("how to train", (*in)[5], {rows(2), unsigned(kHowNumbers)});
    } else {
      expect("the outputs", (*in)[4], {rows(4), unsigned(shape.outputs)});
    }
    (*out)[0] = {rows(2)};
  });
}

// Calls f(number, sequence, its x, its targets) for every row of the table, while f returns true.
template <class F>
void each_sequence(const NetworkShape& shape, Tensors& in, F f) {
  const Sequence* table = reinterpret_cast<const Sequence*>(in[2].data<std::int64_t>());
  const int width = has_vectors(shape.loss) ? shape.outputs : 1;
  const bool targeted = shape.loss != Loss::outside, framed = targeted && shape.loss != Loss::ctc;
  for (std::int64_t k = 0; k < in[2].shape[0]; ++k) {
    const Sequence& now = table[k];
    const bool in_x = now.first >= 0 && now.frames >= 1 && now.first + now.frames <= in[0].shape[0];
    const bool in_targets =
        now.first_target >= 0 && now.targets >= 0 && now.first_target + now.targets <= in[1].shape[0];
    if (!in_x || (targeted && !in_targets) || (framed && now.targets != now.frames))
      throw std::invalid_argument("row " + std::to_string(k) +
                                  " of the table must name frames of x and as many targets");
    if (!f(k, now, in[0].data<float>() + now.first * shape.inputs,
           in[1].data<float>() + (targeted ? now.first_target * width : 0)))
      return;
  }
}

// in: x, targets, table, parameters, the rule's state (both changed), how to train, a row for each row of
// the table; out: losses. The first that is not finite ends the run; those behind it are NaN.
MXReturnValue train(const Attributes& attributes, Tensors* in, Tensors* out, const OpResource&) {
  return guarded([&] {
    const auto network = network_of(attributes);
    network->use(helper(attributes));
    Tensors& t = *in;
    double* losses = (*out)[0].data<double>();
    std::fill_n(losses, t[2].shape[0], std::numeric_limits<double>::quiet_NaN());
    each_sequence(network->shape(), t, [&](auto k, const Sequence& now, const float* x, const float* y) {
      const float* how = t[5].data<float>() + k * kHowNumbers;
      losses[k] = network->step(x, int(now.frames), y, int(now.targets), noise_of(now, how),
                                t[3].data<float>(), t[4].data<float>(), checked_rule(how, t[4]));
      return std::isfinite(losses[k]);
    });
  });
}

// Half of the sequences in each thread, where there are two.
void evaluate_run(const Attributes& attributes, AnyNetwork& network, const std::vector<Presented>& run,
                  const float* theta, double* losses) {
  Helper* other = helper(attributes);
  if (!other || run.size() < 2) return network.evaluate(run, theta, losses);
  const auto middle = std::ptrdiff_t(run.size() / 2);
  other->both([&](int half) {
    if (half)
      network_of(attributes)
          ->evaluate({run.begin() + middle, run.end()}, theta, losses ? losses + middle : nullptr);
    else network.evaluate({run.begin(), run.begin() + middle}, theta, losses);
  });
}

// in: x, targets, table, parameters, output activations (changed) of one sequence after the other; out:
// losses, all NaN unless the attribute `nats` asks for them.
MXReturnValue evaluate(const Attributes& attributes, Tensors* in, Tensors* out, const OpResource&) {
  return guarded([&] {
    const auto network = network_of(attributes);
    const NetworkShape& shape = network->shape();
    Tensors& t = *in;
    float* outputs = t[4].data<float>();
    double* losses = (*out)[0].data<double>();
    std::int64_t room = t[4].shape[0];
    std::vector<Presented> run;
    each_sequence(shape, t, [&](auto, const Sequence& now, const float* x, const float* y) {
      if ((room -= now.frames) < 0)
        throw std::invalid_argument("the outputs must have a row for every frame of the run");
      run.push_back({x, int(now.frames), y, int(now.targets), outputs});
      outputs += now.frames * shape.outputs;
      return true;
    });
    const bool nats = attribute(attributes, "nats");
    if (!nats) std::fill_n(losses, run.size(), std::numeric_limits<double>::quiet_NaN());
    evaluate_run(attributes, *network, run, t[3].data<float>(), nats ? losses : nullptr);
  });
}

// The network that keeps what a forward pass found for the learning after it: the attribute `network`
// is an address of the C interface.
AnyNetwork& kept_network(const Attributes& attributes) {
  return *reinterpret_cast<AnyNetwork*>(std::stoull(attributes.at("network")));
}

// in: x, table of one row, parameters, output activations (changed), how to train, one row; out: nothing
// of use.
MXReturnValue forward(const Attributes& attributes, Tensors* in, Tensors* out, const OpResource&) {
  return guarded([&] {
    AnyNetwork& network = kept_network(attributes);
    network.use(helper(attributes));
    Tensors& t = *in;
    const Sequence& now = *reinterpret_cast<const Sequence*>(t[1].data<std::int64_t>());
    if (now.first < 0 || now.frames < 1 || now.first + now.frames > t[0].shape[0] ||
        t[3].shape[0] < now.frames)
      throw std::invalid_argument("the table must name frames of x, with room in the outputs");
    network.forward(t[0].data<float>() + now.first * network.shape().inputs, int(now.frames),
                    noise_of(now, t[4].data<float>()), t[2].data<float>(), t[3].data<float>());
    (*out)[0].data<double>()[0] = double(now.frames);
  });
}

MXReturnValue forward_shape(const Attributes& attributes, Shapes* in, Shapes* out) {
  return guarded([&] {
    const AnyNetwork& network = kept_network(attributes);
    const NetworkShape& shape = network.shape();
    const auto rows = [&](int k) { return (*in)[k].empty() ? 0 : (*in)[k][0]; };
    expect("x", (*in)[0], {rows(0), unsigned(shape.inputs)});
    expect("the table", (*in)[1], {1, unsigned(sizeof(Sequence) / sizeof(std::int64_t))});
    expect("the parameters", (*in)[2], {unsigned(network.size())});
    expect("the outputs", (*in)[3], {rows(3), unsigned(shape.outputs)});
    expect("how to train", (*in)[4], {1, unsigned(kHowNumbers)});
    (*out)[0] = {1};
  });
}

MXReturnValue forward_types(const Attributes& attributes, std::vector<int>* in, std::vector<int>* out) {
  all_float32(attributes, in, out);
  out->front() = kFloat64;
  (*in)[1] = kInt64;
  return MX_SUCCESS;
}

// in: gradient of the activations (T, K), parameters, the rule's state (both changed), how to train, one
// row; out: nothing of use.
MXReturnValue learn(const Attributes& attributes, Tensors* in, Tensors* out, const OpResource&) {
  return guarded([&] {
    AnyNetwork& network = kept_network(attributes);
    Tensors& t = *in;
    if (t[0].shape[0] != network.frames())
      throw std::invalid_argument("the gradient must have a row for every frame of the forward pass");
    network.learn(t[0].data<float>(), t[1].data<float>(), t[2].data<float>(),
                  checked_rule(t[3].data<float>(), t[2]));
    (*out)[0].data<float>()[0] = 0;
  });
}

MXReturnValue learn_shape(const Attributes& attributes, Shapes* in, Shapes* out) {
  return guarded([&] {
    const AnyNetwork& network = kept_network(attributes);
    const unsigned size = unsigned(network.size());
    const auto rows = (*in)[0].empty() ? 0 : (*in)[0][0];
    expect("the gradient", (*in)[0], {rows, unsigned(network.shape().outputs)});
    expect("the parameters", (*in)[1], {size});
    expect_state((*in)[2], size);
    expect("how to train", (*in)[3], {1, unsigned(kHowNumbers)});
    (*out)[0] = {1};
  });
}

template <int Inputs, int Outputs>
MXReturnValue count(const Attributes&, int* inputs, int* outputs) {
  *inputs = Inputs, *outputs = Outputs;
  return MX_SUCCESS;
}

template <int... Changed>
MXReturnValue mutates(const Attributes&, std::vector<int>* inputs) {
  *inputs = {Changed...};
  return MX_SUCCESS;
}

// Neither has a gradient, but MXNet's cached calls ask for one of every operator.
MXReturnValue no_gradient(const Attributes&, Tensors*, Tensors*, const OpResource&) {
  return guarded([] { throw std::logic_error("a training step has no gradient of its own"); });
}

const auto& kPack = operation(ODYSSEY_NAME("pack"))
                        .setForward(pack, "cpu")
                        .setParseAttrs(pack_count)
                        .setInferType(all_float32)
                        .setInferShape(pack_shape);
const auto& kUnpack = operation(ODYSSEY_NAME("unpack"))
                          .setForward(unpack, "cpu")
                          .setParseAttrs(unpack_count)
                          .setInferType(all_float32)
                          .setInferShape(unpack_shape);
const auto& kTrain = operation(ODYSSEY_NAME("train"))
                         .setForward(train, "cpu")
                         .setBackward(no_gradient, "cpu")
                         .setParseAttrs(count<6, 1>)
                         .setInferType(run_types)
                         .setInferShape(run_shape<true>)
                         .setMutateInputs(mutates<3, 4>);
const auto& kEvaluate = operation(ODYSSEY_NAME("evaluate"))
                            .setForward(evaluate, "cpu")
                            .setBackward(no_gradient, "cpu")
                            .setParseAttrs(count<5, 1>)
                            .setInferType(run_types)
                            .setInferShape(run_shape<false>)
                            .setMutateInputs(mutates<4>);

const auto& kForward = operation(ODYSSEY_NAME("forward"))
                           .setForward(forward, "cpu")
                           .setBackward(no_gradient, "cpu")
                           .setParseAttrs(count<5, 1>)
                           .setInferType(forward_types)
                           .setInferShape(forward_shape)
                           .setMutateInputs(mutates<3>);
const auto& kLearn = operation(ODYSSEY_NAME("learn"))
                         .setForward(learn, "cpu")
                         .setBackward(no_gradient, "cpu")
                         .setParseAttrs(count<4, 1>)
                         .setInferType(all_float32)
                         .setInferShape(learn_shape)
                         .setMutateInputs(mutates<1, 2>);

}  // namespace
}  // namespace odyssey

mxnet::ext::MXReturnValue initialize(int) { return mxnet::ext::MX_SUCCESS; }
