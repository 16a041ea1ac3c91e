// The operators of a whole network beside run_operators.cc: parameters in and out, a training step in two halves.
#include "network_operators.h"

namespace odyssey {

namespace {

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
