/*
 * pam_kenmon.so, the door: what libpam calls.
 *
 * SECURITY. Runs inside login, sshd, sudo, su, a display manager: most often as root, with that
 * program's memory. It talks to the judge over one Unix socket and to the person through the
 * conversation function, and to nobody else. It holds one answer at a time, in locked memory, for
 * as long as it takes to send it. It decides nothing: it believes ALLOW only under the kernel's
 * stamp of the vault's uid, with the nonce and the name of this very request. It opens no file,
 * reads no environment, makes no process and no thread, and leaves no descriptor behind, but up to
 * 64 wiped pages (shelf.c). Whoever takes it over has taken over the program that loaded it.
 */
#include <syslog.h>

#include <security/pam_ext.h>
#include <security/pam_modules.h>

#include "door.h"

#define DOOR_EXPORT __attribute__((visibility("default")))

DOOR_EXPORT int pam_sm_authenticate(pam_handle_t *pamh, int flags, int argc, const char **argv)
{
	struct door_options opt;
	int code;

	if (!door_options_parse(pamh, argc, argv, &opt))
		return PAM_AUTHINFO_UNAVAIL;
	if (opt.split) {
		door_split(pamh, &opt);
		return PAM_AUTHINFO_UNAVAIL;
	}
	code = door_login(pamh, flags, KM_REQUEST_AUTHENTICATE, &opt);
	door_drop_code(pamh);
	return code;
}

/* There are no credentials to set; a login that got here was let in by authenticate. */
DOOR_EXPORT int pam_sm_setcred(pam_handle_t *pamh, int flags, int argc, const char **argv)
{
	(void)pamh;
	(void)flags;
	(void)argc;
	(void)argv;
	return PAM_SUCCESS;
}

DOOR_EXPORT int pam_sm_acct_mgmt(pam_handle_t *pamh, int flags, int argc, const char **argv)
{
	struct door_options opt;

	if (!door_options_parse(pamh, argc, argv, &opt))
		return PAM_AUTHINFO_UNAVAIL;
	return door_login(pamh, flags, KM_REQUEST_ACCOUNT, &opt);
}

/* Sessions are recorded, never refused: at logout there is nobody left to refuse. */
static int record(pam_handle_t *pamh, enum km_request kind, int argc, const char **argv)
{
	struct door_options opt;
	const void *user = NULL;

	/* A session without a name is nobody's; pam_get_user would ask for one. */
	if (pam_get_item(pamh, PAM_USER, &user) != PAM_SUCCESS || !user)
		return PAM_SUCCESS;
	if (door_options_parse(pamh, argc, argv, &opt)) {
		if (opt.timeout > DOOR_SESSION_TIMEOUT)
			opt.timeout = DOOR_SESSION_TIMEOUT;
		(void)door_login(pamh, PAM_SILENT, kind, &opt);
	}
	return PAM_SUCCESS;
}

DOOR_EXPORT int pam_sm_open_session(pam_handle_t *pamh, int flags, int argc, const char **argv)
{
	(void)flags;
	return record(pamh, KM_REQUEST_SESSION_OPEN, argc, argv);
}

DOOR_EXPORT int pam_sm_close_session(pam_handle_t *pamh, int flags, int argc, const char **argv)
{
	(void)flags;
	return record(pamh, KM_REQUEST_SESSION_CLOSE, argc, argv);
}
