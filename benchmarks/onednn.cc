// One LSTM layer of oneDNN, forward and backward over one sequence, in C: what benchmarks/onednn.py calls.
#include <omp.h>

#include <algorithm>
#include <dnnl.hpp>
#include <map>
#include <string>
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
  std::vector<memory> sums;  // the gradients of parameters, which oneDNN adds to

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
    // Without a first state backward's gradient of R is wrong, so there is one, all zeros.
    memory zero_c(state, engine), zero_h(state, engine), first_dc(state, engine), first_dh(state, engine),
        dc(state, engine), dh(state, engine);
    if (peepholes) p = plain({1, sides, 3, H}, Tag::ldgo), dp = plain({1, sides, 3, H}, Tag::ldgo);
    const memory::desc P = peepholes ? p.get_desc() : none;

    const dnnl::lstm_forward::primitive_desc forward(engine, dnnl::prop_kind::forward_training, direction,
                                                     x.get_desc(), state, state, any(w), any(r), P, none,
                                                     b.get_desc(), y.get_desc(), state, state);
    const dnnl::lstm_backward::primitive_desc backward(
        engine, dnnl::prop_kind::backward, direction, x.get_desc(), state, state, any(w), any(r), P, none,
        b.get_desc(), y.get_desc(), state, state, dx.get_desc(), state, state, any(w), any(r), P, none,
        db.get_desc(), dy.get_desc(), state, state, forward);

    memory workspace(forward.workspace_desc(), engine);
    Arguments to{{DNNL_ARG_SRC_LAYER, x},       {DNNL_ARG_BIAS, b},
                 {DNNL_ARG_DST_LAYER, y},       {DNNL_ARG_SRC_ITER, zero_h},
                 {DNNL_ARG_SRC_ITER_C, zero_c}, {DNNL_ARG_DST_ITER, h},
                 {DNNL_ARG_DST_ITER_C, c},      {DNNL_ARG_WORKSPACE, workspace}};
    if (peepholes) to[DNNL_ARG_WEIGHTS_PEEPHOLE] = p;
    Arguments back = to;
    to[DNNL_ARG_WEIGHTS_LAYER] = as(W, forward.weights_layer_desc());
    to[DNNL_ARG_WEIGHTS_ITER] = as(R, forward.weights_iter_desc());
    work.push_back({dnnl::lstm_forward(forward), to});

    back[DNNL_ARG_WEIGHTS_LAYER] = as(W, backward.weights_layer_desc());
    back[DNNL_ARG_WEIGHTS_ITER] = as(R, backward.weights_iter_desc());
    const memory gradient_W = sum(dW, backward.diff_weights_layer_desc()),
                 gradient_R = sum(dR, backward.diff_weights_iter_desc());
    back.insert({{DNNL_ARG_DIFF_SRC_LAYER, dx},
                 {DNNL_ARG_DIFF_SRC_ITER, first_dh},
                 {DNNL_ARG_DIFF_SRC_ITER_C, first_dc},
                 {DNNL_ARG_DIFF_BIAS, db},
                 {DNNL_ARG_DIFF_DST_LAYER, dy},
                 {DNNL_ARG_DIFF_DST_ITER, dh},
                 {DNNL_ARG_DIFF_DST_ITER_C, dc},
                 {DNNL_ARG_DIFF_WEIGHTS_LAYER, gradient_W},
                 {DNNL_ARG_DIFF_WEIGHTS_ITER, gradient_R}});
    if (peepholes) back[DNNL_ARG_DIFF_WEIGHTS_PEEPHOLE] = dp;
    work.push_back({dnnl::lstm_backward(backward), back});
    for (const auto& [gradient, to] : {std::pair(gradient_W, dW), std::pair(gradient_R, dR)})
      if (gradient != to)
        work.push_back({dnnl::reorder(gradient, to), {{DNNL_ARG_FROM, gradient}, {DNNL_ARG_TO, to}}});
    sums.push_back(db);
    if (peepholes) sums.push_back(dp);
    for (const memory& array : {zero_c, zero_h, dc, dh}) clear(array);
  }

  void step() {
    for (const memory& array : sums) clear(array);
    for (auto& [primitive, arguments] : work) primitive.execute(stream, arguments);
    stream.wait();
  }

  std::map<std::string, memory> arrays() const {
    return {{"x", x},   {"y", y},   {"W", W},   {"R", R},   {"b", b},   {"p", p},
            {"dx", dx}, {"dy", dy}, {"dW", dW}, {"dR", dR}, {"db", db}, {"dp", dp}};
  }

 private:
  // What backward adds to in its own form: `to` itself if that is plain.
  memory sum(const memory& to, const memory::desc& wanted) {
    sums.push_back(to.get_desc() == wanted ? to : memory(wanted, engine));
    return sums.back();
  }
  static void clear(const memory& array) {
    std::fill_n(static_cast<char*>(array.get_data_handle()), array.get_desc().get_size(), 0);
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

extern "C" void onednn_close(void* layer) { delete static_cast<Layer*>(layer); }

// An array of the layer in plain form, of `count` floats; NULL if it has none of that name.
extern "C" float* onednn_array(void* layer, const char* name, std::size_t count) {
  const auto arrays = static_cast<Layer*>(layer)->arrays();
  const auto found = arrays.find(name);
  if (found == arrays.end() || !found->second) return nullptr;
  if (found->second.get_desc().get_size() != count * sizeof(float)) return nullptr;
  return static_cast<float*>(found->second.get_data_handle());
}

// Forward pass and gradients of all parameters and inputs. 0, or −1 where oneDNN fails.
extern "C" int onednn_step(void* layer) {
  try {
    static_cast<Layer*>(layer)->step();
  } catch (const dnnl::error&) {
    return -1;
  }
  return 0;
}
