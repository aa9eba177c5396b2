/* RTP packets (RFC 3550, section 5.1) and the keys in them (RFC 4733, section 2.3). */
#include "sip_wire.h"

#define VERSION   2
#define EVENT_LEN 4

static uint16_t get16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static uint32_t get32(const uint8_t *p)
{
	return (uint32_t)get16(p) << 16 | get16(p + 2);
}

static void put32(uint8_t *p, uint32_t v)
{
	for (int i = 0; i < 4; i++)
		p[i] = (uint8_t)(v >> (24 - 8 * i));
}

/* Where the payload begins, or 0. */
static size_t payload_at(const uint8_t *packet, size_t len)
{
	size_t at = VOICE_RTP_HEADER;

	if (len < at || packet[0] >> 6 != VERSION)
		return 0;
	at += 4U * (packet[0] & 0x0f);
	if (packet[0] & 0x10) {
		if (len < at + 4)
			return 0;
		at += 4 + 4U * get16(packet + at + 2);
	}
	return at <= len ? at : 0;
}

km_rc voice_rtp_read(const uint8_t *packet, size_t len, struct voice_rtp *p)
{
	size_t at = payload_at(packet, len), padding = 0;

	if (at == 0)
		return KM_EPROTO;
	if (packet[0] & 0x20) {
		padding = packet[len - 1];
		if (padding == 0 || padding > len - at)
			return KM_EPROTO;
	}
	*p = (struct voice_rtp){
		.type = packet[1] & 0x7f,
		.marker = packet[1] & 0x80,
		.seq = get16(packet + 2),
		.time = get32(packet + 4),
		.source = get32(packet + 8),
		.payload = packet + at,
		.len = len - at - padding,
	};
	return KM_OK;
}

void voice_rtp_write(const struct voice_rtp *p, uint8_t header[VOICE_RTP_HEADER])
{
	header[0] = VERSION << 6;
	header[1] = (uint8_t)((p->marker ? 0x80 : 0) | (p->type & 0x7f));
	header[2] = (uint8_t)(p->seq >> 8);
	header[3] = (uint8_t)p->seq;
	put32(header + 4, p->time);
	put32(header + 8, p->source);
}

/* A key held longer than 16 bits can say goes on as a new event that begins where it would end. */
static bool goes_on(const struct voice_keys *k, uint32_t time, uint8_t event)
{
	return event == k->event && !k->ended && k->duration == UINT16_MAX &&
	       time - k->time == UINT16_MAX;
}

char voice_keys_take(struct voice_keys *k, const struct voice_rtp *p)
{
	static const char keys[] = "0123456789*#";
	uint8_t event;
	bool known = k->begun, fresh;

	if (p->len != EVENT_LEN || (event = p->payload[0]) >= sizeof(keys) - 1)
		return 0;
	if (known && (p->source != k->source || (int32_t)(p->time - k->time) < 0))
		return 0;
	fresh = !known || (p->time != k->time && !goes_on(k, p->time, event));
	if (known && p->time == k->time && event != k->event)
		return 0; /* one moment, two keys: the first */
	*k = (struct voice_keys){
		.begun = true,
		.source = p->source,
		.time = p->time,
		.duration = get16(p->payload + 2),
		.event = event,
		.ended = (p->payload[1] & 0x80) || (!fresh && p->time == k->time && k->ended),
	};
	return fresh ? keys[event] : 0;
}
