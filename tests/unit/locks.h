/* Memory that is locked, and a process that may lock none. */
#ifndef KENMON_TEST_LOCKS_H
#define KENMON_TEST_LOCKS_H

#include <stdbool.h>
#include <sys/resource.h>
#include <unistd.h>

/* AddressSanitizer makes mlock() do nothing and succeed. */
#ifdef __SANITIZE_ADDRESS__
#define MLOCK_IS_REAL false
#else
#define MLOCK_IS_REAL true
#endif

/* For good, so in a child. Root may lock without a limit, so it becomes nobody. */
static inline bool may_lock_nothing(void)
{
	const struct rlimit none = { 0, 0 };

	return setrlimit(RLIMIT_MEMLOCK, &none) == 0 &&
	       (geteuid() != 0 || (setgid(65534) == 0 && setuid(65534) == 0));
}

#endif
