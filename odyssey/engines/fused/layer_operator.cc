// The recurrent layer as a differentiable operator on canonical parameters, float32 or float64, for
// Gluon blocks: x (T, B, D) and one to two directions' W, R, b, (p), (Q) → y (T, B, directions · H).
// Its second output is what the backward pass needs.
#include "gradients.h"
#include "operators.h"

namespace odyssey {

namespace {

struct LayerShape {
  int T, B, inputs, hidden, directions;
  explicit LayerShape(const Attributes& attributes, const MXTensor& x)
      : T(int(x.shape[0])), B(int(x.shape[1])), inputs(int(x.shape[2])),
        hidden(attribute(attributes, "hidden")), directions(attribute(attributes, "directions")) {}
};

template <class Real, class V>
class LayerCall {
 public:
  static constexpr int L = kLanes<Real>;

  LayerCall(const LayerShape& shape, Tensors& tensors, int first_parameter)
      : shape_(shape), direction_(shape.inputs, shape.hidden), layout_(direction_.layout),
        tensors_(tensors), first_(first_parameter) {}

  // Elements of the reserve that one sequence and direction takes.
  static std::size_t reserve(int T, int inputs, int hidden) {
    Direction<Real, V> direction(inputs, hidden);
    Pieces nothing;
    direction.assign_forward(nothing, T, true);
    return nothing.used() / sizeof(Real);
  }

  void forward(Rows<const Real> x, Real* y, Real* kept) {
    scratch().plan([&](Pieces& pieces) { theta_ = pieces.take<Real>(layout_.size); });
    each_sequence(x, kept, [&](int side, int b) {
      if (b == 0) pack(side);
      direction_.begin_forward();
      for (int s = 0; s < shape_.T; ++s) direction_.forward_step(s);
      const Rows<Real> out = ordered(side, sequence(y, b, side, shape_.hidden * shape_.directions));
      for (int s = 0; s < shape_.T; ++s) std::copy_n(direction_.y[s + 1], shape_.hidden, out[s]);
    });
  }

  // Writes dx, and the gradients of the parameters to the tensors from `gradients` on.
  void backward(Rows<const Real> x, Real* kept, Real* dy, Real* dx, Tensors& gradients) {
    const int T = shape_.T, inputs = shape_.inputs;
    const std::size_t padded_inputs = std::size_t(inputs + L - 1) / L * L;
    Real *gradient, *transposed;
    Rows<Real> dy_rows, dx_rows;
    scratch().plan([&](Pieces& pieces) {
      theta_ = pieces.take<Real>(layout_.size);
      gradient = pieces.take<Real>(layout_.size);
      transposed = pieces.take<Real>(layout_.columns() * padded_inputs);
      direction_.T = T;
      direction_.act.stride = direction_.act_stride();
      direction_.assign_backward(pieces, false);
      dy_rows = pieces.take_rows<Real>(T, spread<Real>(std::ptrdiff_t(layout_.padded())));
      dx_rows = pieces.take_rows<Real>(T, spread<Real>(std::ptrdiff_t(padded_inputs)));
    });
    std::fill_n(dx, std::size_t(T) * shape_.B * inputs, Real(0));
    each_sequence(x, kept, [&](int side, int b) {
      if (b == 0) {
        pack(side);
        std::fill_n(gradient, layout_.size, Real(0));
      }
      const Rows<Real> in = ordered(side, sequence(dy, b, side, shape_.hidden * shape_.directions));
      for (int s = 0; s < T; ++s) {
        std::fill_n(dy_rows[s], layout_.padded(), Real(0));
        std::copy_n(in[s], shape_.hidden, dy_rows[s]);
        std::fill_n(dx_rows[s], padded_inputs, Real(0));
      }
      direction_.begin_backward();
      for (int s = T - 1; s >= 0; --s) direction_.backward_step(s, dy_rows);
      parameter_gradients(direction_, [&](std::size_t offset, std::ptrdiff_t stride) {
        return Add<Real>{{{gradient + offset, stride}}};
      });
      input_gradient(direction_, dx_rows, transposed);
      const Rows<Real> out = ordered(side, Rows<Real>{dx + b * inputs, shape_.B * inputs});
      for (int s = 0; s < T; ++s)
        for (int d = 0; d < inputs; ++d) out[s][d] += dx_rows[s][d];
      if (b == shape_.B - 1) unpack(side, gradient, gradients);
    });
  }

 private:
  Rows<Real> ordered(int side, Rows<Real> rows) const {
    return side ? rows.reversed(shape_.T) : rows;
  }
  // The rows of one sequence and direction in a tensor (T, B, directions · H).
  Rows<Real> sequence(Real* data, int b, int side, int columns) const {
    return {data + std::ptrdiff_t(b) * columns + side * shape_.hidden,
            std::ptrdiff_t(shape_.B) * columns};
  }

  template <class F>
  void each_sequence(Rows<const Real> x, Real* kept, F f) {
    const std::size_t size = reserve(shape_.T, shape_.inputs, shape_.hidden);
    for (int side = 0; side < shape_.directions; ++side)
      for (int b = 0; b < shape_.B; ++b) {
        Pieces pieces(kept + (std::size_t(side) * shape_.B + b) * size);
        const Rows<Real> delta = direction_.delta;
        direction_.assign_forward(pieces, shape_.T, true);
        direction_.delta = delta;
        const Rows<const Real> rows = x.from_column(b * shape_.inputs);
        direction_.x = side ? rows.reversed(shape_.T) : rows;
        direction_.theta = theta_;
        f(side, b);
      }
  }

  Real* array(Tensors& tensors, int first, int side, int which) const {
    return tensors[first + canonical<V>(kLayerArrays * side + which, shape_.directions)].template data<Real>();
  }
  void pack(int side) {
    std::fill_n(theta_, layout_.size, Real(0));
    layout_.each([&](int which, std::size_t from, std::size_t to) {
      theta_[to] = array(tensors_, first_, side, which)[from];
    });
  }
  void unpack(int side, const Real* flat, Tensors& out) const {
    layout_.each([&](int which, std::size_t to, std::size_t from) {
      array(out, 1, side, which)[to] = flat[from];
    });
  }

  LayerShape shape_;
  Direction<Real, V> direction_;
  const LayerLayout<Real, V>& layout_;
  Tensors& tensors_;
  int first_;
  Real* theta_ = nullptr;
};

// Calls f(Real, Variant) for the element type of x and the variant of the call.
template <class F>
void with_types(const Attributes& attributes, const MXTensor& x, F f) {
  with_variant(attribute(attributes, "switches"), [&](auto variant) {
    x.dtype == kFloat64 ? f(double(), variant) : f(float(), variant);
  });
}

MXReturnValue forward(const Attributes& attributes, Tensors* in, Tensors* out, const OpResource&) {
  return guarded([&] {
    MXTensor& x = in->front();
    with_types(attributes, x, [&](auto real, auto variant) {
      using Real = decltype(real);
      const LayerShape shape(attributes, x);
      LayerCall<Real, decltype(variant)>(shape, *in, 1)
          .forward({x.data<Real>(), shape.B * shape.inputs}, (*out)[0].data<Real>(),
                   (*out)[1].data<Real>());
    });
  });
}

// in: dy, gradient of the reserve (unused), x, parameters, y, reserve; out: dx, dparameters.
MXReturnValue backward(const Attributes& attributes, Tensors* in, Tensors* out, const OpResource&) {
  return guarded([&] {
    MXTensor& x = (*in)[2];
    with_types(attributes, x, [&](auto real, auto variant) {
      using Real = decltype(real);
      const LayerShape shape(attributes, x);
      LayerCall<Real, decltype(variant)>(shape, *in, 3)
          .backward({x.data<Real>(), shape.B * shape.inputs}, in->back().template data<Real>(),
                    (*in)[0].data<Real>(), (*out)[0].data<Real>(), *out);
    });
  });
}

template <class V>
Shapes parameters(const Attributes& attributes, unsigned inputs) {
  Shapes shapes;
  for (int d = 0; d < attribute(attributes, "directions"); ++d)
    layer_shapes<V>(inputs, unsigned(attribute(attributes, "hidden")), shapes);
  return shapes;
}

MXReturnValue counts(const Attributes& attributes, int* inputs, int* outputs) {
  return guarded([&] {
    with_variant(attribute(attributes, "switches"), [&](auto variant) {
      *inputs = 1 + int(parameters<decltype(variant)>(attributes, 1).size());
      *outputs = 2;
    });
  });
}

MXReturnValue types(const Attributes&, std::vector<int>* in, std::vector<int>* out) {
  const int type = in->front() == kFloat64 ? kFloat64 : kFloat32;
  std::fill(in->begin(), in->end(), type);
  std::fill(out->begin(), out->end(), type);
  return MX_SUCCESS;
}

// The reserve's shape does not know the element type: it is counted for float64, whose rows have
// the most padding.
MXReturnValue shapes(const Attributes& attributes, Shapes* in, Shapes* out) {
  return guarded([&] {
    const std::vector<unsigned> x = in->front();
    if (x.size() != 3 || x[0] * x[1] * x[2] == 0)
      throw std::invalid_argument("x must have the shape (T, B, D) with nothing empty, got " + written(x));
    with_variant(attribute(attributes, "switches"), [&](auto variant) {
      using V = decltype(variant);
      const Shapes expected = parameters<V>(attributes, x[2]);
      for (std::size_t k = 0; k < expected.size(); ++k) {
        std::vector<unsigned>& came = (*in)[k + 1];
        if (came.empty()) came = expected[k];
        expect("a parameter", came, expected[k]);
      }
      const unsigned H = unsigned(attribute(attributes, "hidden"));
      const unsigned sides = unsigned(attribute(attributes, "directions"));
      const std::size_t kept = std::max(LayerCall<float, V>::reserve(int(x[0]), int(x[2]), int(H)),
                                        LayerCall<double, V>::reserve(int(x[0]), int(x[2]), int(H)));
      (*out)[0] = {x[0], x[1], sides * H};
      (*out)[1] = {sides, x[1], unsigned(kept)};
    });
  });
}

const auto& kLayer = operation(ODYSSEY_NAME("layer"))
                         .setForward(forward, "cpu")
                         .setBackward(backward, "cpu")
                         .setParseAttrs(counts)
                         .setInferType(types)
                         .setInferShape(shapes);

}  // namespace
}  // namespace odyssey
