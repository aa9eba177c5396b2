/* As much of libpam as the door uses, and no more: quick, and each call may fail. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <security/pam_ext.h>

#include "door_world.h"

void pam_begin(pam_handle_t *pamh)
{
	memset(pamh, 0, sizeof(*pamh));
}

void pam_put(pam_handle_t *pamh, int item, const char *text)
{
	if (pamh->item[item])
		memset(pamh->item[item], 0, strlen(pamh->item[item]));
	free(pamh->item[item]);
	pamh->item[item] = text ? strdup(text) : NULL;
}

void pam_finish(pam_handle_t *pamh)
{
	for (size_t i = 0; i < DATA; i++)
		if (pamh->data[i].data)
			pamh->data[i].forget(pamh, pamh->data[i].data, 0);
	for (int i = 0; i < ITEMS; i++)
		pam_put(pamh, i, NULL);
}

int pam_get_item(const pam_handle_t *pamh, int item, const void **out)
{
	if (fails(CALL_PAM_GET))
		return PAM_SYSTEM_ERR;
	*out = pamh->item[item];
	if (item == PAM_CONV)
		*out = pamh->has_conv ? &pamh->conv : NULL;
	return PAM_SUCCESS;
}

int pam_set_item(pam_handle_t *pamh, int item, const void *value)
{
	bool in_door = world.in_door;

	if (fails(CALL_PAM_SET))
		return PAM_BUF_ERR;
	world.in_door = false;
	pam_put(pamh, item, value);
	world.in_door = in_door;
	return PAM_SUCCESS;
}

int pam_get_user(pam_handle_t *pamh, const char **user, const char *prompt)
{
	(void)prompt;
	if (fails(CALL_PAM_USER))
		return world.error & 1 ? PAM_CONV_ERR : PAM_BUF_ERR;
	*user = pamh->item[PAM_USER];
	return *user ? PAM_SUCCESS : PAM_CONV_ERR;
}

int pam_get_authtok(pam_handle_t *pamh, int item, const char **token, const char *prompt)
{
	bool in_door = world.in_door;

	(void)prompt;
	if (fails(CALL_PAM_USER))
		return PAM_AUTH_ERR;
	world.in_door = false;
	if (!pamh->item[item])
		pamh->item[item] = person_types();
	world.in_door = in_door;
	*token = pamh->item[item];
	return *token ? PAM_SUCCESS : PAM_AUTHTOK_ERR;
}

int pam_get_data(const pam_handle_t *pamh, const char *name, const void **out)
{
	for (size_t i = 0; i < DATA; i++) {
		if (!pamh->data[i].data || strcmp(pamh->data[i].name, name) != 0)
			continue;
		*out = pamh->data[i].data;
		return PAM_SUCCESS;
	}
	return PAM_NO_MODULE_DATA;
}

int pam_set_data(pam_handle_t *pamh, const char *name, void *data,
		 void (*forget)(pam_handle_t *, void *, int))
{
	size_t i = 0;

	if (fails(CALL_PAM_DATA))
		return PAM_BUF_ERR;
	while (i < DATA && pamh->data[i].data && strcmp(pamh->data[i].name, name) != 0)
		i++;
	fuzz_check(i < DATA, "the door keeps more than it says");
	if (pamh->data[i].data)
		pamh->data[i].forget(pamh, pamh->data[i].data, PAM_DATA_REPLACE);
	snprintf(pamh->data[i].name, sizeof(pamh->data[i].name), "%s", name);
	pamh->data[i].data = data;
	pamh->data[i].forget = forget;
	return PAM_SUCCESS;
}

void pam_syslog(const pam_handle_t *pamh, int priority, const char *format, ...)
{
	bool in_door = world.in_door;
	char line[2048];
	va_list args;

	(void)pamh;
	(void)priority;
	world.in_door = false;
	va_start(args, format);
	vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	line_logged(line);
	world.in_door = in_door;
}
