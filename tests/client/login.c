/*
 * A login program, as small as one can be: it runs a PAM stack from a folder
 * and shows what a person would see. What would be typed is read from standard
 * input, a line for each prompt.
 *
 *   login CONFDIR SERVICE USER [from=HOST] [authenticate|account|session]...
 *
 * As at a terminal of this machine, unless somebody comes from a host.
 * The last line is the result of the last call in PAM's own words; the exit
 * code is 0 when every call succeeded.
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <security/pam_appl.h>

#define FROM "from="

/* Our own, so that what was typed does not stay in stdio's. */
static char in_buffer[4096], out_buffer[8192];

static char *typed(const char *prompt)
{
	char line[512], *answer;

	printf("    %s", prompt);
	fflush(stdout); /* whoever types may want to read it first */
	if (!fgets(line, sizeof(line), stdin)) {
		printf("(nothing)\n");
		return NULL;
	}
	line[strcspn(line, "\n")] = '\0';
	printf("%s\n", line);
	answer = strdup(line);
	explicit_bzero(line, sizeof(line));
	return answer;
}

static int converse(int count, const struct pam_message **message, struct pam_response **response,
		    void *unused)
{
	struct pam_response *answers = calloc((size_t)count, sizeof(*answers));

	(void)unused;
	if (!answers)
		return PAM_BUF_ERR;
	for (int i = 0; i < count; i++) {
		int style = message[i]->msg_style;

		if (style == PAM_PROMPT_ECHO_ON || style == PAM_PROMPT_ECHO_OFF)
			answers[i].resp = typed(message[i]->msg);
		else
			printf("    [%s]\n", message[i]->msg);
		if ((style == PAM_PROMPT_ECHO_ON || style == PAM_PROMPT_ECHO_OFF) &&
		    !answers[i].resp) {
			free(answers);
			return PAM_CONV_ERR;
		}
	}
	*response = answers;
	return PAM_SUCCESS;
}

static int call(pam_handle_t *pamh, const char *what)
{
	if (strcmp(what, "account") == 0)
		return pam_acct_mgmt(pamh, 0);
	if (strcmp(what, "session") == 0) {
		int rc = pam_open_session(pamh, 0);

		return rc == PAM_SUCCESS ? pam_close_session(pamh, 0) : rc;
	}
	return pam_authenticate(pamh, 0);
}

int main(int argc, char **argv)
{
	const struct pam_conv conv = { converse, NULL };
	pam_handle_t *pamh = NULL;
	bool from;
	int rc;

	if (argc < 4) {
		fprintf(stderr, "usage: login CONFDIR SERVICE USER [from=HOST] "
				"[authenticate|account|session]...\n");
		return 2;
	}
	from = argc > 4 && strncmp(argv[4], FROM, strlen(FROM)) == 0;
	setvbuf(stdin, in_buffer, _IOFBF, sizeof(in_buffer));
	setvbuf(stdout, out_buffer, _IOLBF, sizeof(out_buffer));
	rc = pam_start_confdir(argv[2], argv[3], &conv, argv[1], &pamh);
	if (rc == PAM_SUCCESS)
		pam_set_item(pamh, from ? PAM_RHOST : PAM_TTY,
			     from ? argv[4] + strlen(FROM) : "tty1");
	if (rc == PAM_SUCCESS && argc == 4 + from)
		rc = pam_authenticate(pamh, 0);
	for (int i = 4 + from; rc == PAM_SUCCESS && i < argc; i++)
		rc = call(pamh, argv[i]);
	printf("    => %s\n", pam_strerror(pamh, rc));
	pam_end(pamh, rc);
	fflush(stdout);
	explicit_bzero(in_buffer, sizeof(in_buffer));
	explicit_bzero(out_buffer, sizeof(out_buffer));
	return rc == PAM_SUCCESS ? 0 : 1;
}
