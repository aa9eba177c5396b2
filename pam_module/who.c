/* Who wants in, and from where: PAM items and one look into NSS, made safe to send. */
#include <pwd.h>
#include <string.h>

#include <security/pam_ext.h>
#include <security/pam_modutil.h>

#include <kenmon/log.h>

#include "door.h"

/* What cannot be sent is said to be there: a peer that hides its host must not look local. */
#define UNSENDABLE "?"

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

int door_who(pam_handle_t *pamh, struct msg_login *login)
{
	const struct passwd *pw;
	const char *user = NULL;
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
	pw = pam_modutil_getpwnam(pamh, user);
	/* An alias or another case of a name is not the name: one person, one spelling. */
	if (pw && strcmp(pw->pw_name, user) != 0)
		return PAM_SUCCESS;
	memcpy(login->login, user, strlen(user) + 1);
	if (pw)
		login->uid = pw->pw_uid;
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
