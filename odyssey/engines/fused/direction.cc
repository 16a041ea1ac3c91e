// The recurrent layer itself, float32, for all variants of the library.
#include "layer.h"

namespace odyssey {

#define ODYSSEY_DEFINE(switches) template class Direction<float, Variant<switches>>;
ODYSSEY_ROWS(ODYSSEY_DEFINE)

}  // namespace odyssey
