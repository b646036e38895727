/** The documentation's sample as a reader gets it, stored as the user's only event. */
export const STORED_SAMPLE = {
  event: "event_name",
  timestamp: "2020-11-23T22:28:55.111Z",
  properties: { property1: "value1", property2: "value2" },
  context: {},
  message_id: null,
  seq: 1,
  revision: 1,
  received_at: "2026-01-02T03:04:05.678Z",
  source: null,
};
