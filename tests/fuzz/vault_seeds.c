/* Stories for fuzz_vault: one for each way a login, an account check or a desk's operation can go.
 */
#include "vault_world.h"

/* which, kind, login, uid, service, origin, end */
#define OPENS(which, kind, login, uid) OPEN, which, kind, login, uid, 0, 0, 0
/* The same to log in, for somebody who sits at this machine. */
#define OPENS_HERE(which, login, uid) OPEN, which, AUTH, login, uid, 0, 1, 0
/* A line of the operator with this uid. */
#define OPENS_DESK(which, uid)            OPEN, which, KM_REQUEST_DESK, 8, uid, 0, 2, 0
#define CODE_OF(credential, offset)       1, credential, offset
#define CHECKS(which, credential, offset) CHECK, which, 0, CODE_OF(credential, offset)
#define ASKS(which, number, ...)          ASK, which, number, __VA_ARGS__
#define DAYS_ALWAYS                                                                                \
	0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,  \
	    0xff
#define NO_UID        0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff
#define U64(n)        0, 0, 0, 0, 0, 0, 0, n
#define SEED_20       0, 20, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20
#define ADDS_GORO(op) ASKS(0, 40, op, 5, 5, 5, 5, 0, NO_UID, DAYS_ALWAYS)
#define HANAKO        0
#define TARO          1
#define JIRO          2
#define SABURO        3
#define SHIRO         4
#define AUTH          KM_REQUEST_AUTHENTICATE
/* After an ANCHOR as it should be. */
#define STORY(name, ...) SEED(name, 0, __VA_ARGS__)

const struct fuzz_seed fuzz_seeds[] = {
	STORY("totp", OPENS(0, AUTH, HANAKO, 0), CHECKS(0, 0, 0)),
	STORY("hotp", OPENS(0, AUTH, TARO, 1), CHECKS(0, 2, 0)),
	STORY("recovery", OPENS(0, AUTH, HANAKO, 0), CHECKS(0, 1, 3), OPENS(1, AUTH, HANAKO, 0),
	      CHECKS(1, 1, 3)),
	STORY("replay", OPENS(0, AUTH, HANAKO, 0), CHECKS(0, 0, 0), OPENS(1, AUTH, HANAKO, 0),
	      CHECKS(1, 0, 0)),
	STORY("race", OPENS(0, AUTH, TARO, 1), OPENS(1, AUTH, TARO, 1), OPENS(2, AUTH, TARO, 1),
	      CHECK | TOGETHER, 0, 0, CODE_OF(2, 0), CHECK | TOGETHER, 1, 0, CODE_OF(2, 0),
	      CHECKS(2, 2, 0)),
	STORY("wrong", OPENS(0, AUTH, HANAKO, 0), CHECK, 0, 0, 0, 6, '0', '0', '0', '0', '0', '0',
	      CHECKS(0, 0, 1)),
	STORY("lockout", OPENS(0, AUTH, TARO, 1), CHECKS(0, 0, 0), CHECKS(0, 0, 0), CHECKS(0, 0, 0),
	      CHECKS(0, 0, 0), CHECKS(0, 0, 0), CHECKS(0, 2, 0), TIME, 9, OPENS(1, AUTH, TARO, 1),
	      CHECKS(1, 2, 0)),
	STORY("suspended", OPENS(0, AUTH, JIRO, 2), CHECKS(0, 3, 0)),
	STORY("unbound", OPENS(0, AUTH, SHIRO, 5), CHECKS(0, 4, 0), OPENS(1, AUTH, SHIRO, 0),
	      CHECKS(1, 4, 0)),
	STORY("account", OPENS(0, KM_REQUEST_ACCOUNT, HANAKO, 0),
	      OPENS(1, KM_REQUEST_ACCOUNT, JIRO, 2), OPENS(2, KM_REQUEST_SESSION_OPEN, HANAKO, 0)),
	STORY("closed", OPENS(0, AUTH, HANAKO, 0), CLOSE, 0, 1, OPENS(0, AUTH, HANAKO, 0), LEAVE,
	      0),
	STORY("clock", JUMP, 0x70, OPENS(0, AUTH, HANAKO, 0), CHECKS(0, 0, 0),
	      OPENS(1, AUTH, TARO, 1), CHECKS(1, 2, 0), DESK, ASKS(0, 52, 5, 1, 1)),
	SEED("rollback", 1, JUDGE, 20, 0, 1, 0, U64(9), 0, OPENS(0, AUTH, HANAKO, 0),
	     CHECKS(0, 0, 0), OPENS(1, KM_REQUEST_ACCOUNT, HANAKO, 0), DESK, ASKS(0, 52, 5, 4, 1)),
	STORY("turned-away", JUDGE, 24, 1, 0, 0, 3, 232, 0, 0, 0, 7),
	STORY("raw", JUDGE_RAW, 4, 22, 0, 0, 0),
	STORY("status", DESK, ASKS(0, 55, 1), ASKS(0, 54, 1, 0), ASKS(0, 54, 2, 1),
	      ASKS(0, 53, 1, 0, 0, U64(0), 0, 0, 0, 9, 0, 9), ASKS(0, 41, 1, U64(0), 0, 9)),
	STORY("add", DESK, ADDS_GORO(9), ASKS(0, 45, 10, 5, 2, 1, 6, 0, 30, U64(0), 0, 5, SEED_20),
	      OPENS(1, AUTH, 5, 0), CHECKS(1, 9, 0)),
	/* A desk of an operator's own; of a registrar; of root who names them, with and without. */
	STORY("own-desk", OPENS_DESK(1, 0), ASKS(0, 42, 1, HANAKO), ASKS(0, 42, 2, TARO),
	      ASKS(0, 55, 3), ASKS(0, 91, 4, HANAKO), ASKS(0, 91, 5, TARO)),
	STORY("proved", OPENS_DESK(1, 1), ASKS(0, 42, 1, HANAKO), ASKS(0, 4, CODE_OF(2, 0)),
	      ASKS(0, 41, 2, U64(0), 0, 9), ASKS(0, 51, 3, JIRO), OPENS(0, AUTH, TARO, 1),
	      CHECKS(0, 2, 0)),
	STORY("named", DESK, ASKS(0, 91, 1, TARO), ASKS(0, 51, 2, HANAKO),
	      ASKS(0, 4, CODE_OF(0, 0)), ASKS(0, 4, CODE_OF(2, 0)), ASKS(0, 49, 3, JIRO, 6)),
	STORY("named-wrong", DESK, ASKS(0, 91, 1, 6), ASKS(0, 43, 2, HANAKO, 2, 6),
	      ASKS(0, 4, CODE_OF(2, 0)), ASKS(0, 4, CODE_OF(2, 0)), ASKS(0, 4, CODE_OF(2, 0)),
	      ASKS(0, 43, 3, HANAKO, 2, 6), ASKS(0, 5, 1)),
	STORY("confirm", DESK, ASKS(0, 45, 10, SABURO, 1, 1, 6, 0, 30, U64(0), 1, 5, SEED_20),
	      ASKS(0, 4, CODE_OF(0, 0)), ASKS(0, 5, 1)),
	STORY("resync", DESK, ASKS(0, 50, 11, TARO, U64(3)), ASKS(0, 4, CODE_OF(2, 9)),
	      ASKS(0, 4, CODE_OF(2, 10)), OPENS(1, AUTH, TARO, 1), CHECKS(1, 2, 11)),
	STORY("erase", DESK, ASKS(0, 49, 12, TARO, 6), OPENS(1, AUTH, TARO, 1), CHECKS(1, 2, 0),
	      ASKS(0, 42, 12, TARO)),
	STORY("suspend", DESK, ASKS(0, 43, 13, HANAKO, 2, 6), OPENS(1, AUTH, HANAKO, 0),
	      CHECKS(1, 0, 0), ASKS(0, 43, 14, HANAKO, 1, 6), ASKS(0, 44, 15, HANAKO, U64(7)),
	      ASKS(0, 47, 15, HANAKO), ASKS(0, 48, 16, HANAKO, U64(1)), ASKS(0, 51, 17, HANAKO)),
	STORY("shapeless", OPENS(0, AUTH, HANAKO, 0), CHECK, 0, 0, 0, 3, 'a', 'b', 'c'),
	STORY("wrong-ends", OPEN, 0, AUTH, 0, 0, 0, 0, 0xfc),
	SEED("early-open", 1, OPENS(0, AUTH, HANAKO, 0)),
	STORY("failing-step", FAIL, FAULT_STEP, 2, OPENS(0, AUTH, HANAKO, 0), FAIL, FAULT_STEP, 4,
	      CHECKS(0, 0, 0), OPENS(1, AUTH, HANAKO, 0), FAIL, FAULT_STEP | 0x80, 9,
	      CHECKS(1, 0, 0), OPENS(2, AUTH, HANAKO, 0), CHECKS(2, 0, 0)),
	STORY("failing-crypto", OPENS(0, AUTH, TARO, 1), FAIL, FAULT_CODE, 2, CHECKS(0, 2, 0),
	      OPENS(1, AUTH, TARO, 1), FAIL, FAULT_MAC, 3, CHECKS(1, 2, 0), OPENS(2, AUTH, TARO, 1),
	      FAIL, FAULT_CIPHER, 1, CHECKS(2, 2, 0), OPENS(3, AUTH, TARO, 1), FAIL, FAULT_DIGEST,
	      1, CHECKS(3, 2, 0)),
	STORY("failing-line", FAIL, FAULT_SOCKETS, 0, DESK, FAIL, FAULT_EPOLL, 0, DESK, DESK, FAIL,
	      FAULT_MEMORY, 0, ASKS(0, 55, 1), DESK, FAIL, FAULT_LOCKED, 0,
	      ASKS(1, 45, 10, SABURO, 1, 1, 6, 0, 30, U64(0), 1, 5, SEED_20)),
	STORY("failing-note", DESK, FAIL, FAULT_STEP, 15, ADDS_GORO(1), ADDS_GORO(1)),
	STORY("finger", OPENS_HERE(0, HANAKO, 0), GRANT, 0, 0, FIND, 0, FOUND_YES, 1),
	STORY("wrong-finger", OPENS_HERE(0, HANAKO, 0), GRANT, 0, 0, FIND, 0, FOUND_NO, 0, GRANT, 0,
	      0, FIND, 1, FOUND_YES, 0, OPENS_HERE(1, JIRO, 2), GRANT, 1, 0, FIND, 2, FOUND_YES, 0),
	STORY("finger-twice", OPENS_HERE(0, HANAKO, 0), GRANT, 0, 0, FIND | TOGETHER, 0, FOUND_NO,
	      0, FIND, 0, FOUND_YES, 0),
	STORY("finger-unbound", OPENS_HERE(0, SHIRO, 5), GRANT, 0, 0, FIND, 0, FOUND_YES, 0),
	STORY("finger-lockout", OPENS_HERE(0, HANAKO, 0), GRANT, 0, 0, FIND, 0, FOUND_NO, 0, GRANT,
	      0, 0, FIND, 1, FOUND_NO, 0, GRANT, 0, 0, FIND, 2, FOUND_NO, 0, GRANT, 0, 0, FIND, 3,
	      FOUND_NO, 0, GRANT, 0, 0, FIND, 4, FOUND_NO, 0, GRANT, 0, 0, CHECKS(0, 0, 0)),
	STORY("no-finding", OPENS_HERE(0, HANAKO, 0), GRANT, 0, 0, REVOKE, 0, KM_SENSOR_TIMEOUT,
	      FIND, 0, FOUND_YES, 0, GRANT, 0, 0, FIND, 1, FOUND_POOR, 0, GRANT, 0, 0, TIME, 60,
	      GRANT, 0, 0, CLOSE, 0, 1),
	STORY("no-matcher", OPENS_HERE(0, HANAKO, 0), GRANT, 0, 0, MATCHER, GRANT, 0, 0, MATCHER,
	      GRANT, 0, 0, FIND, 1, FOUND_YES, 7),
	STORY("matcher-raw", MATCHER_RAW, 3, 82, 0, 0),
	STORY("finger-erased", OPENS_HERE(0, HANAKO, 0), GRANT, 0, 0, DESK,
	      ASKS(0, 49, 12, HANAKO, 6), FIND, 0, FOUND_YES, 0),
	STORY("enrol-finger", DESK, ASKS(0, 59, 21, TARO, 3, 5), JUDGE, 27, 0, KM_SENSOR_WAITING, 5,
	      5, 0, MATCHER_SAYS, 83, 0, KM_STAGE_GOOD, 5, 5, MATCHER_SAYS, 84, 0, 0, 4, 1, 2, 3, 4,
	      OPENS_HERE(0, TARO, 1), GRANT, 0, 0, FIND, 1, FOUND_YES, 0),
	STORY("enrol-known", DESK, ASKS(0, 59, 21, HANAKO, 3, 5), MATCHER_SAYS, 83, 0,
	      KM_STAGE_KNOWN, 0, 5),
	STORY("enrol-stopped", DESK, ASKS(0, 59, 21, HANAKO, 3, 5), ASKS(0, 5, 1),
	      ASKS(0, 59, 22, HANAKO, 3, 5), JUDGE, 27, 1, KM_SENSOR_TIMEOUT, 5, 5, 0),
	STORY("readers", DESK, ASKS(0, 90, 23), JUDGE, 27, 0, KM_SENSOR_READER, 5, 5, 0, JUDGE, 27,
	      0, KM_SENSOR_DONE, 5, 5, 0),
	STORY("message", OPENS(0, AUTH, HANAKO, 0), SEND, 0, 0, NEWS, 0, 0, KM_ORDER_STATE_SENT, 0,
	      0, CHECK, 0, 0, 0xff, 0, CHECK, 0, 0, 0xff, 0),
	STORY("message-twice", OPENS(0, AUTH, HANAKO, 0), SEND, 0, 0, CHECK | TOGETHER, 0, 0, 0xff,
	      0, CHECK, 0, 0, 0xff, 0, OPENS(1, AUTH, HANAKO, 0), CHECK, 1, 0, 0xff, 0),
	STORY("call", OPENS(0, AUTH, SHIRO, 5), SEND, 0, 0, NEWS, 0, 0, KM_ORDER_STATE_RINGING, 0,
	      0, NEWS, 0, 0, KM_ORDER_STATE_KEYED, 0, 1),
	STORY("not-me", OPENS(0, AUTH, SHIRO, 5), SEND, 0, 0, NEWS, 0, 0, KM_ORDER_STATE_NOT_ME, 0,
	      0),
	STORY("busy", OPENS(0, AUTH, SHIRO, 5), SEND, 0, 0, NEWS, 0, 0, KM_ORDER_STATE_FAILED,
	      KM_ORDER_WHY_BUSY, 0, SEND, 0, 0, NEWS, 0, 1, KM_ORDER_STATE_KEYED, 0, 1),
	STORY("late", OPENS(0, AUTH, HANAKO, 0), SEND, 0, 0, TIME, 200, TIME, 200, CHECK, 0, 0,
	      0xff, 0),
	STORY("nobody", OPENS(0, AUTH, SABURO, 3), SEND, 0, 0, CHECKS(0, 0, 0), CLOSE, 0, 1,
	      OPENS(1, AUTH, JIRO, 2), SEND, 1, 0, CHECK, 1, 0, 0xff, 0),
	STORY("courier-raw", OPENS(0, AUTH, HANAKO, 0), SEND, 0, 0, COURIER_RAW, 3, 130, 0, 0),
	STORY("courier-goes", OPENS(0, AUTH, SHIRO, 5), SEND, 0, 0, COURIER, SEND, 0, 0, COURIER, 1,
	      SEND, 0, 0, CHECK, 0, 0, 0xff, 0),
	{ .name = NULL },
};
const char *const fuzz_words[] = { "user/", NULL };
