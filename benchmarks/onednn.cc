// One LSTM layer of oneDNN, forward and backward over one sequence, in C: what benchmarks/peers.py calls.
#include <omp.h>

#include <algorithm>
#include <dnnl.hpp>
#include <unordered_map>
#include <utility>
#include <vector>

namespace {

using dnnl::memory;
using Dims = memory::dims;
using Arguments = std::unordered_map<int, memory>;

struct Layer {
  dnnl::engine engine{dnnl::engine::kind::cpu, 0};
  dnnl::stream stream{engine};
  memory x, y, dy, dx, W, R, b, p, dW, dR, db, dp, c, h;  // in plain form
  std::vector<std::pair<dnnl::primitive, Arguments>> work;  // in this order

  memory plain(const Dims& dims, memory::format_tag tag) {
    memory made({dims, memory::data_type::f32, tag}, engine);
    float* values = static_cast<float*>(made.get_data_handle());
    for (std::size_t k = 0; k < made.get_desc().get_size() / sizeof(float); ++k)
      values[k] = float(k * 7919 % 2003) / 10015 - 0.1f;
    return made;
  }
  // `from` as a primitive wants it, by a reorder in every step where that is another form: weights change.
  memory as(const memory& from, const memory::desc& wanted) {
    if (from.get_desc() == wanted) return from;
    memory to(wanted, engine);
    work.push_back({dnnl::reorder(from, to), {{DNNL_ARG_FROM, from}, {DNNL_ARG_TO, to}}});
    return to;
  }

  Layer(int T, int D, int H, int sides, bool peepholes) {
    using Tag = memory::format_tag;
    const auto floats = memory::data_type::f32;
    const auto direction = sides == 2 ? dnnl::rnn_direction::bidirectional_concat
                                      : dnnl::rnn_direction::unidirectional_left2right;
    const memory::desc none, state({1, sides, 1, H}, floats, Tag::ldnc);
    const auto any = [&](const Dims& dims) { return memory::desc(dims, floats, Tag::any); };
    x = plain({T, 1, D}, Tag::tnc), y = plain({T, 1, sides * H}, Tag::tnc);
    dx = plain({T, 1, D}, Tag::tnc), dy = plain({T, 1, sides * H}, Tag::tnc);
    const Dims w{1, sides, D, 4, H}, r{1, sides, H, 4, H};
    W = plain(w, Tag::ldigo), R = plain(r, Tag::ldigo);
    dW = plain(w, Tag::ldigo), dR = plain(r, Tag::ldigo);
    b = plain({1, sides, 4, H}, Tag::ldgo), db = plain({1, sides, 4, H}, Tag::ldgo);
    c = memory(state, engine), h = memory(state, engine);
    memory dc(state, engine), dh(state, engine);
    if (peepholes) p = plain({1, sides, 3, H}, Tag::ldgo), dp = plain({1, sides, 3, H}, Tag::ldgo);
    const memory::desc P = peepholes ? p.get_desc() : none;

    const dnnl::lstm_forward::primitive_desc forward(engine, dnnl::prop_kind::forward_training, direction,
                                                     x.get_desc(), none, none, any(w), any(r), P, none,
                                                     b.get_desc(), y.get_desc(), state, state);
    const dnnl::lstm_backward::primitive_desc backward(
        engine, dnnl::prop_kind::backward, direction, x.get_desc(), none, none, any(w), any(r), P, none,
        b.get_desc(), y.get_desc(), state, state, dx.get_desc(), none, none, any(w), any(r), P, none,
        db.get_desc(), dy.get_desc(), state, state, forward);

    memory workspace(forward.workspace_desc(), engine);
    Arguments to{{DNNL_ARG_SRC_LAYER, x}, {DNNL_ARG_BIAS, b},       {DNNL_ARG_DST_LAYER, y},
                 {DNNL_ARG_DST_ITER, h},  {DNNL_ARG_DST_ITER_C, c}, {DNNL_ARG_WORKSPACE, workspace}};
    if (peepholes) to[DNNL_ARG_WEIGHTS_PEEPHOLE] = p;
    Arguments back = to;
    to[DNNL_ARG_WEIGHTS_LAYER] = as(W, forward.weights_layer_desc());
    to[DNNL_ARG_WEIGHTS_ITER] = as(R, forward.weights_iter_desc());
    work.push_back({dnnl::lstm_forward(forward), to});

    back[DNNL_ARG_WEIGHTS_LAYER] = as(W, backward.weights_layer_desc());
    back[DNNL_ARG_WEIGHTS_ITER] = as(R, backward.weights_iter_desc());
    memory gradient_W(backward.diff_weights_layer_desc(), engine),
        gradient_R(backward.diff_weights_iter_desc(), engine);
    back.insert({{DNNL_ARG_DIFF_SRC_LAYER, dx},
                 {DNNL_ARG_DIFF_BIAS, db},
                 {DNNL_ARG_DIFF_DST_LAYER, dy},
                 {DNNL_ARG_DIFF_DST_ITER, dh},
                 {DNNL_ARG_DIFF_DST_ITER_C, dc},
                 {DNNL_ARG_DIFF_WEIGHTS_LAYER, gradient_W},
                 {DNNL_ARG_DIFF_WEIGHTS_ITER, gradient_R}});
    if (peepholes) back[DNNL_ARG_DIFF_WEIGHTS_PEEPHOLE] = dp;
    work.push_back({dnnl::lstm_backward(backward), back});
    for (auto& array : {dc, dh}) std::fill_n(static_cast<float*>(array.get_data_handle()), sides * H, 0.0f);
  }
};

}  // namespace

// NULL where oneDNN has no such layer.
extern "C" void* onednn_open(int T, int D, int H, int sides, int peepholes) {
  omp_set_num_threads(1);
  try {
    return new Layer(T, D, H, sides, peepholes);
  } catch (const dnnl::error&) {
    return nullptr;
  }
}

// Forward pass and gradients of all parameters and inputs. 0, or −1 where oneDNN fails.
extern "C" int onednn_step(void* layer) {
  Layer& of = *static_cast<Layer*>(layer);
  try {
    for (auto& [primitive, arguments] : of.work) primitive.execute(of.stream, arguments);
    of.stream.wait();
  } catch (const dnnl::error&) {
    return -1;
  }
  return 0;
}
