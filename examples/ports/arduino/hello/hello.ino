// SPDX-License-Identifier: Apache-2.0
// An interrupt counts the edges of pin 2, a source reads A0 ten times a second; consumers tell.
#include <aimdb.h>

struct edge {
  uint32_t number;
  uint32_t at_us;
};
AIMDB_RECORD_TYPE(edge, edge);
struct level {
  int value;
};
AIMDB_RECORD_TYPE(level, level);

AIMDB_STATIC_SPMC_RING(edge, edges, "pin2.edges", 16);
AIMDB_STATIC_SINGLE_LATEST(level, light, "a0.level");

static void onEdge() {
  static uint32_t number = 0;
  edge e = { ++number, (uint32_t) micros() };
  (void) edge_produce(edges, &e);  // bounded; never waits
}

static aimdb_time readLight(aimdb_ctx *ctx, level_record out) {
  level l = { analogRead(A0) };
  (void) level_emit(ctx, out, &l);
  return aimdb_every(ctx, AIMDB_MS(100));
}
AIMDB_STATIC_SOURCE(light, readLight, NULL);

static aimdb_err tellEdge(aimdb_ctx *ctx, const edge *e) {
  if (aimdb_missed(ctx) > 0) Serial.println("edges were missed");
  Serial.println(e->number);
  return AIMDB_OK;
}
AIMDB_STATIC_CONSUMER(edges, tellEdge, NULL);

static aimdb_err tellLight(aimdb_ctx *, const level *l) {
  Serial.println(l->value);
  return AIMDB_OK;
}
AIMDB_STATIC_CONSUMER(light, tellLight, NULL);

AIMDB_STATIC_DB(db, edges, light, readLight, tellEdge, tellLight);

void setup() {
  Serial.begin(115200);
  pinMode(2, INPUT_PULLUP);
  attachInterrupt(digitalPinToInterrupt(2), onEdge, FALLING);
}

void loop() {
  aimdb_idle(&db, aimdb_poll(&db, aimdb_clock()));
}
