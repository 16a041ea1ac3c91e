#include "interface.h"

#include "core.h"

using namespace odyssey;

// The arena is declared first: the network in it goes before it.
struct odyssey_network {
  Arena arena;
  std::unique_ptr<AnyNetwork> network;
};

namespace {

thread_local std::string last_error;

template <class F>
int guarded(F f) {
  try {
    f();
    return 0;
  } catch (const std::exception& error) {
    last_error = error.what();
    return -1;
  }
}

Noise noise_of(const odyssey_noise* noise) {
  if (!noise) return {};
  return {noise->std,
          {noise->key[0], noise->key[1]},
          {noise->presentation[0], noise->presentation[1]},
          noise->dropout};
}

// Pointers to the canonical arrays that lie one after the other.
template <class Real>
std::vector<Real*> arrays_of(const AnyNetwork& network, Real* canonical) {
  std::vector<Real*> arrays;
  for (const auto& shape : network.shapes()) {
    arrays.push_back(canonical);
    std::size_t size = 1;
    for (const unsigned side : shape) size *= side;
    canonical += size;
  }
  return arrays;
}

}  // namespace

extern "C" {

const char* odyssey_error() { return last_error.c_str(); }

odyssey_network* odyssey_open(unsigned switches, const int* shape) {
  auto opened = std::make_unique<odyssey_network>();
  const NetworkShape sizes{shape[0], shape[1], shape[2], shape[3], Loss(shape[4])};
  const int failed = guarded([&] {
    if (shape[4] < 0 || shape[4] > int(Loss::outside))
      throw std::invalid_argument("a loss must be one of 0 to " + std::to_string(int(Loss::outside)));
    opened->network = new_network(switches, sizes, opened->arena);
  });
  return failed ? nullptr : opened.release();
}

void* odyssey_core(odyssey_network* network) { return network->network.get(); }

void odyssey_close(odyssey_network* network) { delete network; }

std::size_t odyssey_size(const odyssey_network* network) { return network->network->size(); }

int odyssey_pack(const odyssey_network* network, const float* canonical, float* theta) {
  const AnyNetwork& own = *network->network;
  return guarded([&] { own.pack(arrays_of(own, canonical), theta); });
}

int odyssey_unpack(const odyssey_network* network, const float* theta, float* canonical) {
  const AnyNetwork& own = *network->network;
  return guarded([&] { own.unpack(theta, arrays_of(own, canonical)); });
}

int odyssey_forward(odyssey_network* network, const float* x, int T, const odyssey_noise* noise,
                    const float* theta, float* a) {
  return guarded([&] { network->network->forward(x, T, noise_of(noise), theta, a); });
}

int odyssey_learn(odyssey_network* network, const float* gradient, float* theta, float* state,
                  const float* rule) {
  return guarded([&] { network->network->learn(gradient, theta, state, rule_of(rule)); });
}

int odyssey_step(odyssey_network* network, const float* x, int T, const float* target, int labels,
                 const odyssey_noise* noise, float* theta, float* state, const float* rule, double* loss) {
  return guarded([&] {
    *loss = network->network->step(x, T, target, labels, noise_of(noise), theta, state, rule_of(rule));
  });
}

int odyssey_evaluate(odyssey_network* network, const float* x, int T, const float* target, int labels,
                     const float* theta, float* a, double* loss) {
  return guarded([&] { *loss = network->network->evaluate(x, T, target, labels, theta, a); });
}

const char* odyssey_losses() { return kLossNames; }
const char* odyssey_rule() { return kRuleNames; }
const char* odyssey_rules() { return kRules; }

int odyssey_variant(unsigned switches, int* facts) {
  return guarded([&] {
    with_variant(switches, [&](auto variant) {
      using V = decltype(variant);
      const int found[] = {
          V::input_gate,    V::own_forget, V::output_gate,     V::input_activation, V::output_activation,
          V::coupled_gates, V::peepholes,  V::gate_recurrence, V::blocks,           V::gates};
      std::copy_n(found, 10, facts);
    });
  });
}

}  // extern "C"
