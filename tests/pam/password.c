/* A password module for the stacks of these tests: everybody's password is the same. */
#include <string.h>

#include <security/pam_ext.h>
#include <security/pam_modules.h>

#define PUBLIC __attribute__((visibility("default")))

PUBLIC int pam_sm_authenticate(pam_handle_t *pamh, int flags, int argc, const char **argv)
{
	const char *token = NULL;

	(void)flags;
	(void)argc;
	(void)argv;
	if (pam_get_authtok(pamh, PAM_AUTHTOK, &token, NULL) != PAM_SUCCESS || !token)
		return PAM_CONV_ERR;
	return strcmp(token, "correct horse") == 0 ? PAM_SUCCESS : PAM_AUTH_ERR;
}

PUBLIC int pam_sm_setcred(pam_handle_t *pamh, int flags, int argc, const char **argv)
{
	(void)pamh;
	(void)flags;
	(void)argc;
	(void)argv;
	return PAM_SUCCESS;
}
