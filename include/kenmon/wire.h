/*
 * Frames: the structs of messages.def, their encoder and their decoder, and
 * one record of a SOCK_SEQPACKET socket with what the kernel says of its
 * sender.
 */
#ifndef KENMON_WIRE_H
#define KENMON_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <kenmon/rc.h>
#include <kenmon/secret.h>

#define KM_FRAME_MAX    65536 /* more than any message will need; MSG_TRUNC is an error */
#define KM_FRAME_HEADER 5     /* u8 number, u32 session */
#define KM_SLOTS_MAX    8     /* steps of one login; the configuration allows 4 */

/* Protocol versions between door or desk and judge. The judge speaks both. */
#define KM_PROTOCOL_OLDEST 1
#define KM_PROTOCOL_NEWEST 1
/* Between rooms: exactly this one. */
#define KM_ROOM_PROTOCOL 1

enum km_client { KM_CLIENT_DOOR = 1, KM_CLIENT_DESK = 2 };

/* What a client asks for. */
enum km_request {
	KM_REQUEST_AUTHENTICATE = 1,
	KM_REQUEST_ACCOUNT = 2,
	KM_REQUEST_SESSION_OPEN = 3,
	KM_REQUEST_SESSION_CLOSE = 4,
	KM_REQUEST_DESK = 5, /* only from judge to vault */
};

enum km_origin { KM_ORIGIN_REMOTE = 0, KM_ORIGIN_LOCAL = 1 };

/* What an answer may look like (bits). The door refuses anything else. */
#define KM_SHAPE_DIGITS_6 0x01u
#define KM_SHAPE_DIGITS_7 0x02u
#define KM_SHAPE_DIGITS_8 0x04u
#define KM_SHAPE_DIGITS   0x07u /* what an authenticator shows: totp, hotp */
#define KM_SHAPE_RECOVERY 0x08u /* KM_RECOVERY_LENGTH of A-Z2-7, case, '-' and ' ' ignored */
#define KM_SHAPE_TOUCH    0x10u /* nothing: Enter alone, and a finger follows */
#define KM_SHAPE_OWN      0x20u /* a desk: of the person at it, before an operation runs */
#define KM_SHAPE_PHONE    0x40u /* '*', or nothing where no finger is asked for: a code is sent */
#define KM_SHAPE_DIGITS_9 0x80u /* this and the next: codes by telephone alone can be so long */
#define KM_SHAPE_DIGITS_A 0x100u
#define KM_SHAPE_CODE     0x187u /* digits of any length */

/* INFO's error. A door of an earlier version shows what it does not know as an error. */
enum km_info {
	KM_INFO_PLAIN = 0,
	KM_INFO_ERROR = 1,
	KM_INFO_CALL = 2, /* of the vault alone: a telephone will ring, and what to do then */
};

struct km_slot {
	uint8_t step;   /* number of the step in the service's configuration */
	uint16_t shape; /* KM_SHAPE_* */
};

struct km_slots {
	uint8_t count;
	struct km_slot slot[KM_SLOTS_MAX];
};

/* Bytes that lie in the frame: good for as long as that buffer is, and wiped with it. */
struct km_span {
	const uint8_t *bytes; /* of a message to be sent: the caller's; NULL of an empty one */
	uint16_t len;
};

/* One bit for each phase a receiver can be in. */
enum km_phase {
	KM_PHASE_GREET = 1u << 0,         /* judge: a client that has said nothing */
	KM_PHASE_REQUEST = 1u << 1,       /* judge: after HELLO */
	KM_PHASE_WORKING = 1u << 2,       /* judge: the vault is at work for this client */
	KM_PHASE_ASKED = 1u << 3,         /* judge: a prompt is open */
	KM_PHASE_HEARD_NOTHING = 1u << 4, /* door, desk: nothing heard from the judge yet */
	KM_PHASE_TALK = 1u << 5,          /* door, desk: after WELCOME */
	KM_PHASE_LINK = 1u << 6,          /* vault: from the judge, outside any session */
	KM_PHASE_OPENED = 1u << 7,        /* vault: inside a session */
	KM_PHASE_JUDGE_LINK = 1u << 8,    /* judge: from the vault, outside any session */
	KM_PHASE_OPENING = 1u << 9,       /* judge: OPEN was sent */
	KM_PHASE_CHECKING = 1u << 10,     /* judge: CHECK was sent */
	KM_PHASE_DESK_IDLE = 1u << 11,    /* vault: private line, no operation under way */
	KM_PHASE_DESK_ASKED = 1u << 12,   /* vault: private line, a prompt is open */
	KM_PHASE_DESK_TALK = 1u << 13,    /* desk: private line, an operation under way */
	KM_PHASE_SENSOR = 1u << 14,       /* sensor: from the judge */
	KM_PHASE_SENSOR_LINK = 1u << 15,  /* judge: from the sensor */
	KM_PHASE_PROBES = 1u << 16,       /* matcher: from the sensor */
	KM_PHASE_GRANTS = 1u << 17,       /* vault: from the matcher */
	KM_PHASE_MATCHER = 1u << 18,      /* matcher: from the vault */
	KM_PHASE_ORDERS = 1u << 19,       /* vault: from the courier */
	KM_PHASE_COURIER = 1u << 20,      /* courier: from the vault */
};

/* Who may send a message. */
enum km_party {
	KM_FROM_DOOR = 1u << 0,
	KM_FROM_DESK = 1u << 1,
	KM_FROM_CLIENT = KM_FROM_DOOR | KM_FROM_DESK,
	KM_FROM_JUDGE = 1u << 2,
	KM_FROM_VAULT = 1u << 3,
	KM_FROM_JUDGE_OR_VAULT = KM_FROM_JUDGE | KM_FROM_VAULT,
	KM_FROM_SENSOR = 1u << 4,
	KM_FROM_MATCHER = 1u << 5,
	KM_FROM_COURIER = 1u << 6,
};

enum km_message_number {
	KM_MSG_NONE = 0,
#define KM_MESSAGE(NAME, name, number, from, phases, cap) KM_MSG_##NAME = (number),
#define KM_FIELD(name, kind, field, limit)
#define KM_MESSAGE_END(name)
#include <kenmon/messages.def>
#undef KM_MESSAGE
#undef KM_FIELD
#undef KM_MESSAGE_END
};

/* The longest body of each; a frame has its header before it. */
enum {
#define KM_MESSAGE(NAME, name, number, from, phases, cap) KM_CAP_##NAME = (cap),
#define KM_FIELD(name, kind, field, limit)
#define KM_MESSAGE_END(name)
#include <kenmon/messages.def>
#undef KM_MESSAGE
#undef KM_FIELD
#undef KM_MESSAGE_END
};

#define KM_MEMBER_U8(field, limit)     uint8_t field
#define KM_MEMBER_U16(field, limit)    uint16_t field
#define KM_MEMBER_U32(field, limit)    uint32_t field
#define KM_MEMBER_U64(field, limit)    uint64_t field
#define KM_MEMBER_I64(field, limit)    int64_t field
#define KM_MEMBER_BYTES(field, limit)  uint8_t field[limit]
#define KM_MEMBER_STR(field, limit)    char field[(limit) + 1]
#define KM_MEMBER_SECRET(field, limit) struct km_secret field
#define KM_MEMBER_SLOTS(field, limit)  struct km_slots field
#define KM_MEMBER_SPAN(field, limit)   struct km_span field

#define KM_MESSAGE(NAME, name, number, from, phases, cap) struct msg_##name {
#define KM_FIELD(name, kind, field, limit)                KM_MEMBER_##kind(field, limit);
#define KM_MESSAGE_END(name)                                                                       \
	}                                                                                          \
	;
#include <kenmon/messages.def>
#undef KM_MESSAGE
#undef KM_FIELD
#undef KM_MESSAGE_END

/* One message, decoded. It may hold secrets: wipe it with km_msg_wipe. */
struct km_msg {
	uint8_t number; /* enum km_message_number */
	uint32_t session;
	union {
#define KM_MESSAGE(NAME, name, number, from, phases, cap) struct msg_##name name;
#define KM_FIELD(name, kind, field, limit)
#define KM_MESSAGE_END(name)
#include <kenmon/messages.def>
#undef KM_MESSAGE
#undef KM_FIELD
#undef KM_MESSAGE_END
	};
};

void km_msg_wipe(struct km_msg *m); /* NULL is allowed */

/*
 * Writes a frame of m into buf. KM_ELIMIT when a string, a secret or the whole
 * is over its cap; KM_EINVAL for an unknown number or text that the decoder
 * would refuse. *len is set only on KM_OK.
 */
KM_MUST_CHECK km_rc km_encode(const struct km_msg *m, uint8_t *buf, size_t cap, size_t *len);

/*
 * Reads a frame, the whole of it, or KM_EPROTO with *m all zero. Only messages that
 * `from` (enum km_party bits) may send and that one of `phases` may take pass.
 */
KM_MUST_CHECK km_rc km_decode(const uint8_t *buf, size_t len, unsigned from, unsigned phases,
			      struct km_msg *m);

/* "LOGIN"; "?" for a number that is none. */
const char *km_message_name(unsigned number);
/* The field `login` of a message; NULL where it has none. */
const char *km_message_login(const struct km_msg *m);

/* What the kernel says about the sender of a record. */
struct km_stamp {
	bool known; /* false: the socket has no SO_PASSCRED */
	pid_t pid;
	uid_t uid;
	gid_t gid;
};

/*
 * Receives one record. KM_EAGAIN: none now. KM_ECLOSED: end of file.
 * KM_EPROTO: larger than cap, or carrying descriptors nobody asked for (they
 * are closed). passed_fd may be NULL; *passed_fd is -1 when none came, else
 * it is the caller's, close-on-exec. stamp may be NULL.
 * flags: MSG_DONTWAIT or 0. EINTR is tried again.
 */
KM_MUST_CHECK km_rc km_recv(int fd, uint8_t *buf, size_t cap, size_t *len, int *passed_fd,
			    struct km_stamp *stamp, int flags);

/*
 * What km_recv would find, without taking it or waiting for it. KM_OK: a record.
 * KM_EPERM: a record that carries descriptors, or something else nobody asked for; whoever
 * takes it may have to close them, and a close may block. KM_EAGAIN, KM_ECLOSED as there.
 * Turns SO_PASSCRED on.
 */
KM_MUST_CHECK km_rc km_peek(int fd);

/*
 * Sends one record, whole or not at all; always MSG_NOSIGNAL. pass_fd is -1
 * for none. KM_EAGAIN: the peer does not read (with MSG_DONTWAIT).
 */
KM_MUST_CHECK km_rc km_send(int fd, const uint8_t *buf, size_t len, int pass_fd, int flags);

/*
 * Encodes and sends; the frame is wiped from the stack. KM_ELIMIT above KM_SEND_MSG_MAX: templates
 * and probes have buffers of their own.
 */
#define KM_SEND_MSG_MAX 2304
KM_MUST_CHECK km_rc km_send_msg(int fd, const struct km_msg *m, int pass_fd, int flags);

#endif
