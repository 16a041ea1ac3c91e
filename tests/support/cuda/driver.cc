// A libcuda whose device is this processor: memory is the host's, kernels are emulated.
#include <algorithm>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <map>
#include <string>

extern "C" int emulated_launch(const char* name, unsigned x, unsigned y, unsigned shared, int falling,
                               const long long* table, int first, int inputs, int outputs, int directions,
                               int* order);
extern "C" const unsigned emulated_shared;

namespace {
constexpr int kOk = 0, kInvalidValue = 1, kOutOfMemory = 2, kInvalidContext = 201;
constexpr std::size_t kAll = std::size_t(4) << 30;
constexpr unsigned kUnasked = 48 << 10;  // bytes of shared memory that any launch may have
std::map<std::string, unsigned> most_shared;
int device_major = 8, device_minor = 0, device_count = 1, falling = 0;
std::string launched;
thread_local bool entered = false;
char context;
}  // namespace

extern "C" {

// What tests ask of it.
void emulated_device(int count, int major, int minor) {
  device_count = count, device_major = major, device_minor = minor;
}
void emulated_falling(int on) { falling = on; }
const char* emulated_log() { return launched.c_str(); }

int cuInit(unsigned) { return kOk; }
int cuDriverGetVersion(int* version) { return *version = 12040, kOk; }
int cuDeviceGetCount(int* count) { return *count = device_count, kOk; }
int cuDeviceGet(int* device, int number) { return *device = number, number < device_count ? kOk : 101; }
int cuDeviceGetName(char* name, int length, int) { return std::strncpy(name, "Emulated GPU", length), kOk; }
int cuDeviceTotalMem_v2(std::size_t* size, int) { return *size = kAll, kOk; }
int cuDeviceGetAttribute(int* value, int which, int) {
  switch (which) {
    case 75: return *value = device_major, kOk;
    case 76: return *value = device_minor, kOk;
    case 16: return *value = 2, kOk;           // multiprocessors
    case 13: return *value = 1000000, kOk;     // kHz
    case 97: return *value = int(emulated_shared), kOk;
    default: return kInvalidValue;
  }
}
int cuGetErrorString(int status, const char** text) {
  *text = status == kOutOfMemory      ? "out of memory"
          : status == kInvalidContext ? "invalid device context"
                                      : "invalid argument";
  return kOk;
}
int cuDevicePrimaryCtxRetain(void** handle, int) { return *handle = &context, kOk; }
int cuCtxSetCurrent(void* handle) { return entered = handle == &context, kOk; }
int cuModuleLoadData(void** module, const void* image) {
  *module = const_cast<void*>(image);
  return entered ? kOk : kInvalidContext;
}
int cuModuleGetFunction(void** function, void*, const char* name) { return *function = strdup(name), kOk; }
int cuFuncSetAttribute(void* function, int which, int value) {
  if (which != 8 || value > int(emulated_shared)) return kInvalidValue;
  return most_shared[static_cast<const char*>(function)] = value, kOk;
}
int cuMemAlloc_v2(unsigned long long* address, std::size_t size) {
  if (!entered) return kInvalidContext;
  if (size > kAll) return kOutOfMemory;
  void* memory = std::malloc(size);
  std::memset(memory, 0xff, size);  // NaN
  return *address = reinterpret_cast<unsigned long long>(memory), kOk;
}
int cuMemFree_v2(unsigned long long address) {
  if (!entered) return kInvalidContext;
  return std::free(reinterpret_cast<void*>(address)), kOk;
}
int cuMemcpyHtoD_v2(unsigned long long to, const void* from, std::size_t size) {
  return entered ? std::memcpy(reinterpret_cast<void*>(to), from, size), kOk : kInvalidContext;
}
int cuMemcpyDtoH_v2(void* to, unsigned long long from, std::size_t size) {
  return entered ? std::memcpy(to, reinterpret_cast<void*>(from), size), kOk : kInvalidContext;
}
int cuCtxSynchronize() {
  launched += "synchronize ";
  return entered ? kOk : kInvalidContext;
}
int cuLaunchKernel(void* function, unsigned x, unsigned y, unsigned z, unsigned threads, unsigned, unsigned,
                   unsigned shared, void*, void** parameters, void**) {
  if (!entered) return kInvalidContext;
  const char* name = static_cast<const char*>(function);
  if (z != 1 || threads != 256 || shared > std::max(kUnasked, most_shared[name])) return kInvalidValue;
  const auto number = [&](int k) { return *static_cast<int*>(parameters[k]); };
  launched += std::string(name) + " ";
  return emulated_launch(name, x, y, shared, falling, *static_cast<const long long**>(parameters[0]),
                         number(1), number(2), number(3), number(4), *static_cast<int**>(parameters[5]));
}

}  // extern "C"
