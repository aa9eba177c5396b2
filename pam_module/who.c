/* Who wants in, and from where: PAM items and one look into NSS, made safe to send. */
#include <errno.h>
#include <pwd.h>
#include <string.h>

#include <security/pam_ext.h>

#include <kenmon/log.h>

#include "door.h"

/* What cannot be sent is said to be there: a peer that hides its host must not look local. */
#define UNSENDABLE "?"

/* What NSS writes an account into: a line of passwd(5); none is longer. */
#define ACCOUNT_BYTES 16384

/* True when text fits a field of cap bytes (NUL included) and the decoder will take it. */
static bool sendable(const char *text, size_t cap)
{
	size_t len = strnlen(text, cap);

	return len < cap && km_text_is_plain(text, len);
}

static void fill_item(pam_handle_t *pamh, int item, char *field, size_t cap)
{
	const void *value = NULL;
	const char *text;

	field[0] = '\0';
	if (pam_get_item(pamh, item, &value) != PAM_SUCCESS) {
		memcpy(field, UNSENDABLE, sizeof(UNSENDABLE));
		return;
	}
	if (!value)
		return;
	text = value;
	if (!sendable(text, cap))
		text = UNSENDABLE;
	memcpy(field, text, strlen(text) + 1);
}

/*
 * getpwnam_r and not pam_modutil_getpwnam: the latter keeps every account in PAM data, and without
 * memory it tries 2^31 times.
 */
enum door_found door_account(const char *name, uid_t *uid, bool *same_name)
{
	struct passwd pw, *found = NULL;
	char buf[ACCOUNT_BYTES];
	int error;

	do
		error = getpwnam_r(name, &pw, buf, sizeof(buf), &found);
	while (error == EINTR);
	if (found) {
		*uid = pw.pw_uid;
		*same_name = strcmp(pw.pw_name, name) == 0;
		return DOOR_FOUND;
	}
	/* getpwnam_r(3): what different services say for "no such name". */
	if (error == 0 || error == ENOENT || error == ESRCH || error == EBADF || error == EPERM)
		return DOOR_NOT_FOUND;
	return DOOR_FIND_FAILED;
}

int door_who(pam_handle_t *pamh, struct msg_login *login)
{
	const char *user = NULL;
	bool same = false;
	uid_t uid = UINT32_MAX;
	int code = pam_get_user(pamh, &user, NULL);

	if (code == PAM_BUF_ERR)
		return PAM_BUF_ERR;
	if (code != PAM_SUCCESS || !user)
		return PAM_CONV_ERR;
	fill_item(pamh, PAM_SERVICE, login->service, sizeof(login->service));
	fill_item(pamh, PAM_TTY, login->tty, sizeof(login->tty));
	fill_item(pamh, PAM_RHOST, login->rhost, sizeof(login->rhost));
	fill_item(pamh, PAM_RUSER, login->ruser, sizeof(login->ruser));
	login->login[0] = '\0';
	login->uid = UINT32_MAX;
	if (!sendable(user, sizeof(login->login)))
		return PAM_SUCCESS;
	switch (door_account(user, &uid, &same)) {
	case DOOR_FIND_FAILED:
		return PAM_AUTHINFO_UNAVAIL;
	case DOOR_FOUND:
		/* An alias or another case of a name is not the name: one person, one spelling. */
		if (!same)
			return PAM_SUCCESS;
		break;
	case DOOR_NOT_FOUND:
		break;
	}
	memcpy(login->login, user, strlen(user) + 1);
	login->uid = uid;
	return PAM_SUCCESS;
}

bool door_is_still(pam_handle_t *pamh, const struct msg_login *login)
{
	const void *user = NULL;

	if (login->login[0] == '\0' || login->uid == UINT32_MAX)
		return false;
	if (pam_get_item(pamh, PAM_USER, &user) != PAM_SUCCESS || !user)
		return false;
	return strcmp(user, login->login) == 0;
}
