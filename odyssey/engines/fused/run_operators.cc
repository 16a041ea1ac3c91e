// The operators of a run of sequences: training steps, and an evaluation.
#include "network_operators.h"

namespace odyssey {

namespace {

// Losses are float64, the table of a run int64, everything else float32.
MXReturnValue run_types(const Attributes& attributes, std::vector<int>* in, std::vector<int>* out) {
  all_float32(attributes, in, out);
  out->front() = kFloat64;
  (*in)[2] = kInt64;
  return MX_SUCCESS;
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

}  // namespace
}  // namespace odyssey
