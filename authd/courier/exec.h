/* Between sms_exec.c, in the room, and exec_runner.c, the process that runs the program. */
#ifndef KENMON_COURIER_EXEC_H
#define KENMON_COURIER_EXEC_H

#include <stdint.h>
#include <sys/types.h>

#include <kenmon/order.h>
#include <kenmon/rc.h>

#define EXEC_RUNS 256 /* at the same time; [sms] at-once is at most that */

enum exec_what { EXEC_RUN = 1, EXEC_KILL = 2 };

/* One record on the socket between them. */
struct exec_request {
	uint64_t id;
	uint32_t timeout_ms;
	uint16_t len;
	uint8_t what; /* enum exec_what */
	char number[KM_NUMBER_MAX + 1];
	uint8_t text[KM_ORDER_TEXT];
};

enum exec_outcome {
	EXEC_EXITED = 1,  /* value: its exit code */
	EXEC_SIGNALLED,   /* value: by which */
	EXEC_TIMED_OUT,   /* killed; as one that was killed on request */
	EXEC_NOT_STARTED, /* value: errno; not one instruction of it has run */
};

struct exec_answer {
	uint64_t id;
	int32_t outcome; /* enum exec_outcome */
	int32_t value;
};

/*
 * Starts the process that runs program, and that alone. It ends, and kills what it
 * started, when the other end of *fd is closed. *fd is close-on-exec and does not block.
 */
KM_MUST_CHECK km_rc exec_runner_start(const char *program, int *fd, pid_t *pid);

#endif
