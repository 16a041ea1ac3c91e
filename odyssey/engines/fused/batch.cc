// Sequences side by side, for all variants of the library.
#include "batch.h"

namespace odyssey {

#define ODYSSEY_DEFINE(switches) template class Batch<Variant<switches>>;
ODYSSEY_ROWS(ODYSSEY_DEFINE)

}  // namespace odyssey
