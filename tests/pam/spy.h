/* What the door returned to the spy (tests/pam/spy.c), which libpam may make something else of. */
#ifndef KENMON_TEST_SPY_H
#define KENMON_TEST_SPY_H

#define SPY_NOT_ASKED (-1)

/* Of the program; spy.so finds it there. */
extern __attribute__((visibility("default"))) int spy_saw;

#endif
