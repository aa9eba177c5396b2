/*
 * One field for password and code, for greeters that can ask only one question: the last digits are
 * cut off PAM_AUTHTOK before the password module sees it, and a later line sends them.
 */
#include <string.h>
#include <syslog.h>

#include <security/pam_ext.h>

#include "door.h"

/* More than libpam's conversation passes on (PAM_MAX_RESP_SIZE, 512); a longer one is left alone.
 */
#define TOKEN_MAX 4096

static bool all_digits(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (text[i] < '0' || text[i] > '9')
			return false;
	return true;
}

/* The token without its last `cut` characters becomes PAM_AUTHTOK. */
static bool shorten(pam_handle_t *pamh, const char *token, size_t rest)
{
	char *password = km_locked_new(rest + 1);
	bool done;

	if (!password)
		return false;
	memcpy(password, token, rest);
	done = pam_set_item(pamh, PAM_AUTHTOK, password) == PAM_SUCCESS;
	km_locked_free(password, rest + 1);
	return done;
}

void door_split(pam_handle_t *pamh, const struct door_options *opt)
{
	struct km_secret code KM_SECRET = { 0 };
	enum km_lang lang = opt->lang_given ? opt->lang : KM_LANG_EN;
	const char *token = NULL;
	size_t len;

	door_drop_code(pamh);
	if (pam_get_authtok(pamh, PAM_AUTHTOK, &token, km_text(KM_TEXT_PROMPT_SPLIT, lang)) !=
		PAM_SUCCESS ||
	    !token)
		return;
	len = strnlen(token, TOKEN_MAX + 1);
	if (len > TOKEN_MAX || len <= opt->split ||
	    !all_digits(token + len - opt->split, opt->split)) {
		if (opt->debug)
			pam_syslog(pamh, LOG_DEBUG, "split: no code at the end of the password");
		return;
	}
	if (km_secret_set(&code, token + len - opt->split, opt->split) != KM_OK)
		return;
	/* Kept first: a password cut short whose code is lost would be refused for no visible
	 * reason. */
	if (!door_keep_code(pamh, &code))
		return;
	if (!shorten(pamh, token, len - opt->split))
		door_drop_code(pamh);
	else if (opt->debug)
		pam_syslog(pamh, LOG_DEBUG, "split: %u digits kept for the code", opt->split);
}
