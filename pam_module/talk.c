/* The person at the screen, through the conversation function and nothing else. */
#include <stdlib.h>
#include <string.h>

#include "door.h"

static const struct pam_conv *conversation(pam_handle_t *pamh)
{
	const void *item = NULL;
	const struct pam_conv *conv;

	if (pam_get_item(pamh, PAM_CONV, &item) != PAM_SUCCESS || !item)
		return NULL;
	conv = item;
	return conv->conv ? conv : NULL;
}

/* The array and its one answer are ours to free, and to wipe first. */
static void free_response(struct pam_response *r)
{
	if (!r)
		return;
	if (r->resp) {
		km_wipe(r->resp, strlen(r->resp));
		free(r->resp);
	}
	free(r);
}

/*
 * One message. On PAM_SUCCESS *out is the caller's, and may be NULL. After a failure the array is
 * not touched: programs free it themselves and leave the pointer.
 */
static int converse(pam_handle_t *pamh, int style, const char *text, struct pam_response **out)
{
	const struct pam_conv *conv = conversation(pamh);
	const struct pam_message message = { .msg_style = style, .msg = text };
	const struct pam_message *messages = &message;
	struct pam_response *r = NULL;

	if (!conv)
		return PAM_CONV_ERR;
	if (conv->conv(1, &messages, &r, conv->appdata_ptr) != PAM_SUCCESS)
		return PAM_CONV_ERR;
	*out = r;
	return PAM_SUCCESS;
}

int door_ask(pam_handle_t *pamh, const char *text, bool echo, struct km_secret *answer)
{
	struct pam_response *r = NULL;
	int code = converse(pamh, echo ? PAM_PROMPT_ECHO_ON : PAM_PROMPT_ECHO_OFF, text, &r);

	if (code != PAM_SUCCESS)
		return code;
	if (!r || !r->resp || km_secret_set(answer, r->resp, strlen(r->resp)) != KM_OK)
		code = PAM_CONV_ERR;
	free_response(r);
	return code;
}

void door_say(pam_handle_t *pamh, int flags, bool error, const char *text)
{
	struct pam_response *r = NULL;

	if (((unsigned)flags & PAM_SILENT) || text[0] == '\0')
		return;
	if (converse(pamh, error ? PAM_ERROR_MSG : PAM_TEXT_INFO, text, &r) == PAM_SUCCESS)
		free_response(r);
}
