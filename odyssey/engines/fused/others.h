// The equations of odyssey/networks/gru.py and rnn.py for one vector of units in one frame, as units.h has those
// of the LSTM.
#pragma once

#include "../variant.h"
#include "units.h"

namespace odyssey {

template <class Real>
struct Units<Real, Variant<256>> {
  using Vec = Vector<Real>;

  // The blocks r, u, n; h is the recurrent sum that r multiplies.
  struct Forward {
    Vec value[3], h, y;
  };
  struct Backward {
    Vec delta[3], dc_prev, dp[1];
  };

  // From the sums that reach r and u, then the recurrent and the input's share of n; p points to bn.
  static inline __attribute__((always_inline)) Forward begin(const Vec* sum, const Real* p, Vec) {
    return {{sigmoid(sum[0]), sigmoid(sum[1]), sum[3]}, sum[2] + load(p), Vec{}};
  }
  static inline __attribute__((always_inline)) void finish(Forward& now, const Real*, Vec y_prev) {
    const Vec n = now.value[2] = tanh(now.value[2] + now.value[0] * now.h);
    now.y = n + now.value[1] * (y_prev - n);
  }

  // dc is the gradient of y that the next frame's u hands back; dp that of the recurrent sum of n.
  static inline __attribute__((always_inline)) Backward backward(const Forward& now, Vec y_prev, const Real*,
                                                                 Vec dy, Vec dc, const Vec*) {
    const Vec one = broadcast(Real(1)), r = now.value[0], u = now.value[1], n = now.value[2];
    Backward before;
    dy += dc;
    before.dc_prev = dy * u;
    const Vec dn = before.delta[2] = dy * (one - u) * (one - n * n);
    before.delta[1] = dy * (y_prev - n) * u * (one - u);
    before.delta[0] = dn * now.h * r * (one - r);
    before.dp[0] = dn * r;
    return before;
  }
};

template <class Real>
struct Units<Real, Variant<512>> {
  using Vec = Vector<Real>;

  struct Forward {
    Vec value[1], y;
  };
  struct Backward {
    Vec delta[1];
  };

  static inline __attribute__((always_inline)) Forward begin(const Vec* sum, const Real*, Vec) {
    const Vec y = tanh(sum[0]);
    return {{y}, y};
  }
  static inline __attribute__((always_inline)) void finish(Forward&, const Real*, Vec) {}

  static inline __attribute__((always_inline)) Backward backward(const Forward& now, Vec, const Real*, Vec dy,
                                                                 Vec, const Vec*) {
    return {{dy * (broadcast(Real(1)) - now.value[0] * now.value[0])}};
  }
};

}  // namespace odyssey
