/* For the files that stand in for libraries: is it this call's turn to fail? */
#ifndef KENMON_TEST_INTERPOSE_H
#define KENMON_TEST_INTERPOSE_H

#include <dlfcn.h>
#include <stdint.h>

#include "fault.h"

#define PUBLIC __attribute__((visibility("default")))

/* The library's own, of the type of `like`. */
#define REAL(like) ((__typeof__(&(like)))(uintptr_t)dlsym(RTLD_NEXT, #like))

/* Counts the call; true with errno set when it shall fail. */
bool fault_fails(enum fault_call call);
/* The errno that the test wants; how many of these calls there were, 0 while none are counted. */
int fault_error(void);
unsigned fault_calls(enum fault_call call);

#endif
