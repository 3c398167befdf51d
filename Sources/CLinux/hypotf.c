/* The Swift library refers to hypotf, which nobody here calls, and whose newest version glibc has since 2.35 only. The
   programs that are installed take this one instead ("--wrap" of the linker), so that they run with glibc 2.34. */
#include <math.h>

float __wrap_hypotf(float x, float y);

float __wrap_hypotf(float x, float y) {
  if (isinf(x) || isinf(y)) return INFINITY;
  return (float)sqrt((double)x * x + (double)y * y);
}
