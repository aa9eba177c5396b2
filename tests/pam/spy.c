/*
 * A module in front of the door that tells the test what the door itself returned: libpam has codes
 * of its own when memory runs out. Its first argument is the door's path, the others are the
 * door's.
 */
#include <dlfcn.h>
#include <stdint.h>

#include <security/pam_modules.h>

#include "spy.h"

#define PUBLIC __attribute__((visibility("default")))

typedef int door_function(pam_handle_t *pamh, int flags, int argc, const char **argv);

static int call(const char *name, pam_handle_t *pamh, int flags, int argc, const char **argv)
{
	static void *door;
	door_function *f;

	if (!door && argc > 0)
		door = dlopen(argv[0], RTLD_NOW);
	if (!door)
		return PAM_MODULE_UNKNOWN;
	f = (door_function *)(uintptr_t)dlsym(door, name);
	spy_saw = f ? f(pamh, flags, argc - 1, argv + 1) : PAM_SYMBOL_ERR;
	return spy_saw;
}

#define SPY(name)                                                                                  \
	PUBLIC int name(pam_handle_t *pamh, int flags, int argc, const char **argv)                \
	{                                                                                          \
		return call(#name, pamh, flags, argc, argv);                                       \
	}

SPY(pam_sm_authenticate)
SPY(pam_sm_setcred)
SPY(pam_sm_acct_mgmt)
SPY(pam_sm_open_session)
SPY(pam_sm_close_session)
