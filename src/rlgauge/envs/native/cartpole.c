/* CartPole for very many environments: steps of all of them in one call from XLA.

   The same dynamics, limits and random numbers as rlgauge/envs/reference/cartpole.py, whose State is what goes in and
   comes out, in place. A tile of environments stays in the first cache for all steps of a call. */
#include <math.h>
#include <stdint.h>

#include "xla/ffi/api/c_api.h"

#define TILE 512

static const uint32_t GOLDEN = 0x9E3779B9u;
static const uint32_t SPREAD[4] = {0x85EBCA6Bu, 0xC2B2AE35u, 0x27D4EB2Fu, 0x165667B1u};

static inline uint32_t mixed(uint32_t bits) {
  bits ^= bits >> 16;
  bits *= 0x7FEB352Du;
  bits ^= bits >> 15;
  bits *= 0x846CA68Bu;
  return bits ^ (bits >> 16);
}

static inline float start_of(uint32_t bits, int number) {
  return (float)(int32_t)(bits * SPREAD[number]) * (0.05f / 2147483648.0f);
}

static void run_tile(float *restrict position, float *restrict speed, float *restrict angle, float *restrict rate,
                     int32_t *restrict num_steps, const uint32_t *restrict stream, int32_t *restrict episodes,
                     uint32_t clock, int64_t steps, int64_t size) {
  const float total = 1.1f, pole = 0.1f * 0.5f, steepest = 12.0f * 2.0f * 3.14159265358979f / 360.0f;
  for (int64_t step = 0; step < steps; ++step) {
    const uint32_t hashed = mixed((clock + (uint32_t)step) * GOLDEN);
    for (int64_t i = 0; i < size; ++i) {
      const uint32_t bits = mixed(stream[i] ^ hashed);
      const float force = bits >> 31 ? 10.0f : -10.0f;
      const float x = position[i], v = speed[i], a = angle[i], w = rate[i];
      const float square = a * a;
      const float sine = a * (1.0f + square * (-1.0f / 6 + square * (1.0f / 120 + square * (-1.0f / 5040))));
      const float cosine = 1.0f + square * (-0.5f + square * (1.0f / 24 + square * (-1.0f / 720)));
      const float push = (force + pole * w * w * sine) * (1.0f / total);
      const float turning = (9.8f * sine - cosine * push) / (0.5f * (4.0f / 3 - 0.1f / total * cosine * cosine));
      const float moving = push - pole / total * turning * cosine;
      const float x2 = x + 0.02f * v, v2 = v + 0.02f * moving, a2 = a + 0.02f * w, w2 = w + 0.02f * turning;
      const int32_t count = num_steps[i] + 1;
      const int32_t over = (fabsf(x2) > 2.4f) | (fabsf(a2) > steepest) | (count >= 500);
      position[i] = over ? start_of(bits, 0) : x2;
      speed[i] = over ? start_of(bits, 1) : v2;
      angle[i] = over ? start_of(bits, 2) : a2;
      rate[i] = over ? start_of(bits, 3) : w2;
      num_steps[i] = over ? 0 : count;
      episodes[i] += over;
    }
  }
}

static void *data_of(void *buffer) { return ((XLA_FFI_Buffer *)buffer)->data; }

/* Arguments: position, speed, angle, rate, num_steps, stream, clock; results: the first five, episodes. */
XLA_FFI_Error *rlgauge_cartpole(XLA_FFI_CallFrame *frame) {
  if (frame->extension_start && frame->extension_start->type == XLA_FFI_Extension_Metadata) {
    XLA_FFI_Metadata *metadata = ((XLA_FFI_Metadata_Extension *)frame->extension_start)->metadata;
    metadata->api_version.major_version = XLA_FFI_API_MAJOR;
    metadata->api_version.minor_version = XLA_FFI_API_MINOR;
    metadata->traits = 0;
    return 0;
  }
  const int64_t size = ((XLA_FFI_Buffer *)frame->args.args[0])->dims[0];
  const int64_t steps = *(int64_t *)((XLA_FFI_Scalar *)frame->attrs.attrs[0])->value;
  const uint32_t *stream = data_of(frame->args.args[5]);
  const uint32_t clock = *(uint32_t *)data_of(frame->args.args[6]);
  float *state[4];
  int32_t *num_steps = data_of(frame->rets.rets[4]), *episodes = data_of(frame->rets.rets[5]);
  for (int number = 0; number < 4; ++number) {
    const float *given = data_of(frame->args.args[number]);
    state[number] = data_of(frame->rets.rets[number]);
    if (given != state[number])
      for (int64_t i = 0; i < size; ++i) state[number][i] = given[i];
  }
  const int32_t *given_steps = data_of(frame->args.args[4]);
  if (given_steps != num_steps)
    for (int64_t i = 0; i < size; ++i) num_steps[i] = given_steps[i];
  for (int64_t first = 0; first < size; first += TILE) {
    const int64_t count = size - first < TILE ? size - first : TILE;
    for (int64_t i = first; i < first + count; ++i) episodes[i] = 0;
    run_tile(state[0] + first, state[1] + first, state[2] + first, state[3] + first, num_steps + first, stream + first,
             episodes + first, clock, steps, count);
  }
  return 0;
}
