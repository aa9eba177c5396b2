/*
 * What outlives one call of the module, in PAM data. Nothing here lets anybody in: sshd loses PAM
 * data between its processes, and all that is lost then is a convenience or a second look.
 */
#include <stdlib.h>
#include <string.h>

#include <kenmon/factor.h>

#include "door.h"

#define DATA_CODE "kenmon-code"
#define DATA_NAME "kenmon-name"

static void forget_code(pam_handle_t *pamh, void *data, int status)
{
	(void)pamh;
	(void)status;
	km_locked_free(data, sizeof(struct km_secret));
}

static void forget_name(pam_handle_t *pamh, void *data, int status)
{
	(void)pamh;
	(void)status;
	free(data);
}

/* The kept code, or NULL. pam_get_data is const for its readers; this memory is ours. */
static struct km_secret *kept_code(pam_handle_t *pamh)
{
	const void *data = NULL;
	struct km_secret *code = NULL;

	if (pam_get_data(pamh, DATA_CODE, &data) == PAM_SUCCESS)
		memcpy(&code, &data, sizeof(code));
	return code;
}

bool door_keep_code(pam_handle_t *pamh, const struct km_secret *code)
{
	struct km_secret *kept = km_locked_new(sizeof(*kept));

	if (!kept)
		return false;
	*kept = *code;
	if (pam_set_data(pamh, DATA_CODE, kept, forget_code) == PAM_SUCCESS)
		return true;
	km_locked_free(kept, sizeof(*kept));
	return false;
}

bool door_take_code(pam_handle_t *pamh, unsigned shapes, struct km_secret *answer)
{
	struct km_secret *kept = kept_code(pamh);

	if (!kept || kept->len == 0 || km_answer_class(kept, shapes) == KM_CLASS_NONE)
		return false;
	*answer = *kept;
	km_secret_wipe(kept);
	return true;
}

void door_drop_code(pam_handle_t *pamh)
{
	km_secret_wipe(kept_code(pamh));
}

bool door_keep_name(pam_handle_t *pamh, const char *login)
{
	char *kept = strdup(login);

	if (!kept)
		return false;
	if (pam_set_data(pamh, DATA_NAME, kept, forget_name) == PAM_SUCCESS)
		return true;
	free(kept);
	return false;
}

bool door_kept_name_is(pam_handle_t *pamh, const char *login)
{
	const void *kept = NULL;

	if (pam_get_data(pamh, DATA_NAME, &kept) != PAM_SUCCESS || !kept)
		return true;
	return strcmp(kept, login) == 0;
}
