// The recurrent layer itself, float32, for all variants of the library.
#include "layer.h"

namespace odyssey {

#define ODYSSEY_ROW(row) template class Direction<float, Variant<row>>;
ODYSSEY_ROWS(ODYSSEY_ROW)

}  // namespace odyssey
