// The conversions between half and wider floating point that the Swift runtime calls, which libgcc 12 has for
// x86 and Arm and not for s390x. The argument of type _Float16 lies in a floating-point register, as clang
// passes it; gcc 12 does not know the type there, so this is compiled by clang.

#include <stdint.h>
#include <string.h>

static uint16_t half_bits(_Float16 value) {
  uint16_t bits;
  memcpy(&bits, &value, sizeof bits);
  return bits;
}

static _Float16 half_of(uint16_t bits) {
  _Float16 value;
  memcpy(&value, &bits, sizeof value);
  return value;
}

static float float_of(uint32_t bits) {
  float value;
  memcpy(&value, &bits, sizeof value);
  return value;
}

float __extendhfsf2(_Float16 value) {
  const uint16_t half = half_bits(value);
  const uint32_t sign = (uint32_t)(half & 0x8000) << 16;
  uint32_t exponent = (half >> 10) & 0x1f;
  uint32_t mantissa = half & 0x3ff;
  if (exponent == 0x1f)  // infinity, or not a number, which becomes a quiet one
    return float_of(sign | 0x7f800000 | mantissa << 13 | (mantissa ? 0x400000 : 0));
  if (exponent != 0) return float_of(sign | (exponent + 112) << 23 | mantissa << 13);
  if (mantissa == 0) return float_of(sign);
  // A subnormal half is a normal float.
  for (exponent = 113; !(mantissa & 0x400); exponent--) mantissa <<= 1;
  return float_of(sign | exponent << 23 | (mantissa & 0x3ff) << 13);
}

double __extendhfdf2(_Float16 value) { return (double)__extendhfsf2(value); }

// Rounds to the nearest half, ties to even.
_Float16 __truncdfhf2(double value) {
  uint64_t bits;
  memcpy(&bits, &value, sizeof bits);
  const uint16_t sign = (uint16_t)(bits >> 48) & 0x8000;
  const int exponent = (int)(bits >> 52 & 0x7ff) - 1023;
  const uint64_t mantissa = bits & 0xfffffffffffffULL;
  if (exponent == 1024)
    return half_of((uint16_t)(sign | 0x7c00 | (mantissa ? 0x200 | mantissa >> 42 : 0)));
  if (exponent > 15) return half_of(sign | 0x7c00);
  if (exponent < -25) return half_of(sign);
  const int shift = exponent >= -14 ? 42 : 42 + (-14 - exponent);
  const uint64_t wide =
      exponent >= -14 ? (uint64_t)(exponent + 15) << 52 | mantissa : mantissa | 1ULL << 52;
  uint64_t result = wide >> shift;
  const uint64_t rest = wide & ((1ULL << shift) - 1), tie = 1ULL << (shift - 1);
  if (rest > tie || (rest == tie && (result & 1))) result++;
  return half_of((uint16_t)(sign | result));
}

_Float16 __truncsfhf2(float value) { return __truncdfhf2((double)value); }
