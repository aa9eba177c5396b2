/*
 * sipp as a telephone. What it does is a scenario of parts: an INVITE is taken, then whatever the
 * test says, then usually our BYE. Keys are RTP packets in a pcap file that the test makes, since
 * the files that come with sipp repeat one moment in time.
 */
#ifndef KENMON_TESTS_TELEPHONE_H
#define KENMON_TESTS_TELEPHONE_H

#include "exchange.h"

#define BACK                                                                                       \
	"[last_Via:]\n[last_From:]\n[last_To:];tag=[pid]SIPpTag[call_number]\n[last_Call-ID:]\n"   \
	"[last_CSeq:]\n"
#define CONTACT    "Contact: <sip:[local_ip]:[local_port];transport=[transport]>\n"
#define SEND(text) "<send><![CDATA[\n" text "Content-Length: 0\n\n]]></send>\n"

#define KEEP_NAMES                                                                                 \
	"<ereg regexp=\".*\" search_in=\"hdr\" header=\"From:\" assign_to=\"from\"/>"              \
	"<ereg regexp=\".*\" search_in=\"hdr\" header=\"To:\" assign_to=\"to\"/>"                  \
	"</action></recv>\n"
#define TAKE_CALL "<recv request=\"INVITE\" rrs=\"true\"><action>" KEEP_NAMES
/* Of this number at this domain, by this caller of it, or not at all: each is a pattern. */
#define TAKE_CALL_FOR(number, domain, caller)                                                      \
	"<recv request=\"INVITE\" rrs=\"true\"><action>"                                           \
	"<ereg regexp=\"^INVITE sip:" number "@" domain " SIP/2\""                                 \
	" search_in=\"msg\" check_it=\"true\" assign_to=\"line\"/>"                                \
	"<ereg regexp=\"[ &lt;]sip:" caller "@" domain "&gt;;tag=\""                               \
	" search_in=\"hdr\" header=\"From:\" check_it=\"true\" assign_to=\"by\"/>"                 \
	"<ereg regexp=\"^ *&lt;sip:" number "@" domain "&gt;$\""                                   \
	" search_in=\"hdr\" header=\"To:\" check_it=\"true\" assign_to=\"for\"/>" KEEP_NAMES       \
	"<Reference variables=\"line,by,for\"/>\n"
#define RING         SEND("SIP/2.0 180 Ringing\n" BACK CONTACT)
#define REFUSE(line) SEND("SIP/2.0 " line "\n" BACK) "<recv request=\"ACK\"/>\n"
#define ANSWER_WITH(sdp)                                                                           \
	"<send retrans=\"500\"><![CDATA[\nSIP/2.0 200 OK\n" BACK CONTACT                           \
	"Content-Type: application/sdp\nContent-Length: [len]\n\n" sdp "\n]]></send>\n"            \
	"<recv request=\"ACK\"/>\n"
#define SDP_HEAD "v=0\no=u 1 1 IN IP4 127.0.0.1\ns=-\nc=IN IP4 127.0.0.1\nt=0 0\n"
#define SDP                                                                                        \
	SDP_HEAD "m=audio [media_port] RTP/AVP 0 101\na=rtpmap:0 PCMU/8000\n"                      \
		 "a=rtpmap:101 telephone-event/8000\na=fmtp:101 0-15\n"
#define ANSWER    ANSWER_WITH(SDP)
#define PAUSE(ms) "<pause milliseconds=\"" ms "\"/>\n"
#define PLAY      "<nop><action><exec play_pcap_audio=\"@DIR@/keys.pcap\"/></action></nop>\n"
#define HANG_UP                                                                                    \
	"<send retrans=\"500\"><![CDATA[\nBYE [next_url] SIP/2.0\n"                                \
	"Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]\n"                       \
	"From:[$to];tag=[pid]SIPpTag[call_number]\nTo:[$from]\n[last_Call-ID:]\n"                  \
	"CSeq: 90 BYE\nMax-Forwards: 70\nContent-Length: 0\n\n]]></send>\n"                        \
	"<recv response=\"200\"/>\n"
/* An INVITE in the call: what is said to it is the next line's. */
#define OFFER(cseq, sdp)                                                                           \
	"<send retrans=\"500\"><![CDATA[\nINVITE [next_url] SIP/2.0\n"                             \
	"Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]\n"                       \
	"From:[$to];tag=[pid]SIPpTag[call_number]\nTo:[$from]\n[last_Call-ID:]\n"                  \
	"CSeq: " cseq " INVITE\nMax-Forwards: 70\n" CONTACT                                        \
	"Content-Type: application/sdp\nContent-Length: [len]\n\n" sdp "\n]]></send>\n"
#define ACCEPTED(cseq)                                                                             \
	"<recv response=\"200\"/>\n<send><![CDATA[\nACK [next_url] SIP/2.0\n"                      \
	"Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]\n"                       \
	"From:[$to];tag=[pid]SIPpTag[call_number]\nTo:[$from]\n[last_Call-ID:]\n"                  \
	"CSeq: " cseq " ACK\nMax-Forwards: 70\nContent-Length: 0\n\n]]></send>\n"
#define NOT_ACCEPTED(cseq)                                                                         \
	"<recv response=\"488\"/>\n<send><![CDATA[\nACK [next_url] SIP/2.0\n[last_Via:]\n"         \
	"[last_From:]\n[last_To:]\n[last_Call-ID:]\n"                                              \
	"CSeq: " cseq " ACK\nMax-Forwards: 70\nContent-Length: 0\n\n]]></send>\n"
#define INFO_AS(cseq, type, body)                                                                  \
	"<send retrans=\"500\"><![CDATA[\nINFO [next_url] SIP/2.0\n"                               \
	"Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]\n"                       \
	"From:[$to];tag=[pid]SIPpTag[call_number]\nTo:[$from]\n[last_Call-ID:]\n"                  \
	"CSeq: " cseq " INFO\nMax-Forwards: 70\nContent-Type: " type                               \
	"\nContent-Length: [len]\n\n" body "\n]]></send>\n"
#define INFO(cseq, key)                                                                            \
	INFO_AS(cseq, "application/dtmf-relay", "Signal=" key "\nDuration=160")                    \
	"<recv response=\"200\"/>\n"
#define HUNG_UP "<recv request=\"BYE\"/>\n" SEND("SIP/2.0 200 OK\n" BACK)

/* --- keys in RTP ------------------------------------------------------------------------- */

struct packet {
	unsigned at_ms;
	uint32_t source, time;
	uint16_t seq;
	uint8_t type; /* with the marker in its upper bit */
	uint8_t payload[4];
};

struct packets {
	unsigned count;
	struct packet at[400];
	uint32_t source, time;
	uint16_t seq;
	unsigned ms;
};

#define PACKETS                                                                                    \
	{                                                                                          \
		.source = 0x1234, .time = 0xffffff00, .seq = 0xfffa, .ms = 20                      \
	}

static inline void packet_add(struct packets *p, uint8_t event, bool first, bool end,
			      uint16_t duration)
{
	assert_true(p->count < sizeof(p->at) / sizeof(p->at[0]));
	p->at[p->count++] = (struct packet){ p->ms,
					     p->source,
					     p->time,
					     p->seq++,
					     (uint8_t)(101 | (first ? 0x80 : 0)),
					     { event, (uint8_t)(end ? 0x8a : 0x0a),
					       (uint8_t)(duration >> 8), (uint8_t)duration } };
	p->ms += 20;
}

static inline uint8_t event_of(char key)
{
	return (uint8_t)(key == '*' ? 10 : key == '#' ? 11 : key - '0');
}

/* As RFC 4733 has it: the key is said every 20 ms, and its end three times. */
static inline void packet_key(struct packets *p, char key)
{
	uint16_t duration = 0;

	for (unsigned i = 0; i < 4; i++)
		packet_add(p, event_of(key), i == 0, false, duration += 160);
	for (unsigned i = 0; i < 3; i++)
		packet_add(p, event_of(key), false, true, duration);
	p->time += 1600;
	p->ms += 60;
}

static inline void packet_keys(struct packets *p, const char *keys)
{
	for (; *keys; keys++)
		packet_key(p, *keys);
}

static inline void packet_put16(uint8_t *b, unsigned v)
{
	b[0] = (uint8_t)(v >> 8);
	b[1] = (uint8_t)v;
}

#define FRAME (14 + 20 + 8 + 16) /* Ethernet, IPv4, UDP, RTP with an event */

static inline void packet_write(FILE *f, const struct packet *p)
{
	uint8_t head[16] = { 0 }, b[FRAME] = { [12] = 8, [14] = 0x45, [22] = 64, [23] = 17 };
	uint8_t *udp = b + 34, *rtp = b + 42;

	exchange_put32(head, p->at_ms / 1000);
	exchange_put32(head + 4, p->at_ms % 1000 * 1000);
	exchange_put32(head + 8, FRAME);
	exchange_put32(head + 12, FRAME);
	packet_put16(b + 16, FRAME - 14);
	packet_put16(udp + 4, 8 + 16);
	rtp[0] = 0x80;
	rtp[1] = p->type;
	packet_put16(rtp + 2, p->seq);
	for (int i = 0; i < 4; i++) {
		rtp[4 + i] = (uint8_t)(p->time >> (24 - 8 * i));
		rtp[8 + i] = (uint8_t)(p->source >> (24 - 8 * i));
	}
	memcpy(rtp + 12, p->payload, 4);
	assert_int_equal(fwrite(head, 1, sizeof(head), f), sizeof(head));
	assert_int_equal(fwrite(b, 1, sizeof(b), f), sizeof(b));
}

/* In the order in which they stand, whatever their times say. */
static inline void packets_save(const struct exchange *e, struct packets *p)
{
	static const uint8_t magic[24] = { 0xd4, 0xc3, 0xb2, 0xa1, 2,    0,    4, 0, 0, 0, 0, 0,
					   0,    0,    0,    0,    0xff, 0xff, 0, 0, 1, 0, 0, 0 };
	FILE *f = fopen(exchange_path(e, "keys.pcap"), "w");

	assert_non_null(f);
	assert_int_equal(fwrite(magic, 1, sizeof(magic), f), sizeof(magic));
	for (unsigned i = 0; i < p->count; i++) {
		p->at[i].at_ms = 20 * (i + 1);
		packet_write(f, &p->at[i]);
	}
	assert_int_equal(fclose(f), 0);
}

static inline void keys_save(const struct exchange *e, const char *keys)
{
	struct packets p = PACKETS;

	packet_keys(&p, keys);
	packets_save(e, &p);
}

/* --- the telephone ----------------------------------------------------------------------- */

static inline bool port_is_open(int port, const char *table, const char *state)
{
	char line[512], local[32];
	FILE *f = fopen(table, "r");
	bool found = false;

	assert_non_null(f);
	snprintf(local, sizeof(local), ":%04X ", (unsigned)port);
	while (!found && fgets(line, sizeof(line), f)) {
		const char *at = strstr(line, local);

		found = at && at < line + 24 && strstr(line, state);
	}
	fclose(f);
	return found;
}

static inline bool wait_for_port(int port, bool tcp)
{
	const struct timespec moment = { .tv_nsec = 20000000 };

	for (unsigned i = 0; i < 500; i++) {
		if (port_is_open(port, tcp ? "/proc/net/tcp" : "/proc/net/udp",
				 tcp ? " 0A " : " 07 "))
			return true;
		nanosleep(&moment, NULL);
	}
	return false;
}

static inline void scenario_save(const struct exchange *e, const char *body)
{
	FILE *f = fopen(exchange_path(e, "phone.xml"), "w");
	const char *mark;

	assert_non_null(f);
	fprintf(f, "<?xml version=\"1.0\" encoding=\"ISO-8859-1\" ?>\n<scenario name=\"phone\">\n");
	while ((mark = strstr(body, "@DIR@"))) {
		fprintf(f, "%.*s%s", (int)(mark - body), body, e->dir);
		body = mark + 5;
	}
	fprintf(f, "%s<Reference variables=\"from,to\"/>\n</scenario>\n", body);
	fclose(f);
}

static inline void telephone_show_log(const struct exchange *e)
{
	const char *const cat[] = { "tail", "-n", "60", exchange_path(e, "phone.log"), NULL };

	waitpid(exchange_run(cat, "/dev/stderr"), NULL, 0);
}

/* sipp plays sound from a file through a raw socket, which not everybody may have. */
static inline bool telephone_may_play(void)
{
	int fd = socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_UDP);

	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

/* transport: sipp's, "u1" or "t1". Ends by itself once its calls are over. */
static inline pid_t telephone_start(const struct exchange *e, const char *transport,
				    const char *scenario, unsigned calls)
{
	char port[16], media[16], count[16], xml[256];
	int sound;
	const char *const argv[] = { "sipp",          "-sf",   xml,       "-i",
				     "127.0.0.1",     "-p",    port,      "-mi",
				     "127.0.0.1",     "-mp",   media,     "-m",
				     count,           "-t",    transport, "-nostdin",
				     "-recv_timeout", "60000", NULL };
	pid_t pid;

	if (strstr(scenario, PLAY) && !telephone_may_play())
		skip();
	scenario_save(e, scenario);
	snprintf(port, sizeof(port), "%d", e->port);
	do
		sound = exchange_port(SOCK_DGRAM);
	while (sound == e->port);
	snprintf(media, sizeof(media), "%d", sound);
	snprintf(count, sizeof(count), "%u", calls);
	snprintf(xml, sizeof(xml), "%s", exchange_path(e, "phone.xml"));
	pid = exchange_run(argv, exchange_path(e, "phone.log"));
	if (!wait_for_port(e->port, transport[0] == 't')) {
		telephone_show_log(e);
		fail_msg("the telephone does not listen on port %d", e->port);
	}
	return pid;
}

/* It did all that its scenario says. */
static inline void telephone_content(const struct exchange *e, pid_t pid)
{
	int status = 0;

	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (status != 0)
		telephone_show_log(e);
	assert_int_equal(status, 0);
}

static inline void telephone_stop(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

#endif
