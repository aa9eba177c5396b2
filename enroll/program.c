/* What stands behind main(): the command line, the daemon's uid, and the way to a handler. */
#include <pwd.h>
#include <stdlib.h>
#include <string.h>

#include <kenmon/sock.h>

#include "commands.h"

km_rc desk_login(struct desk *d, const struct desk_args *args, unsigned i, char out[65])
{
	return desk_field(d, "LOGIN", args->operand[i], false, out, 65);
}

km_rc desk_act(struct desk *d, struct km_msg *request, struct msg_done *done)
{
	struct desk_operation o = { .request = request };
	km_rc rc = desk_operate(d, &o);

	*done = o.done; /* of KM_EFILED, too: it names the request */
	return rc;
}

/*
 * Whose stamp is believed. Where the default account does not exist (rooms
 * started with --spawn), that is root and ourselves alone.
 */
static km_rc find_daemon(struct desk *d, const char *name)
{
	const char *wanted = name ? name : KM_VAULT_USER;
	const struct passwd *pw;
	uint64_t uid;

	if (wanted[0] >= '0' && wanted[0] <= '9') {
		km_rc rc = desk_number(d, "--daemon-user", wanted, 0, UINT32_MAX - 1, &uid);

		if (rc == KM_OK)
			d->daemon_uid = (uid_t)uid;
		return rc;
	}
	pw = getpwnam(wanted);
	if (pw)
		d->daemon_uid = pw->pw_uid;
	else if (name)
		return desk_because(d, KM_EUSAGE, DESK_DAEMON_USER_UNKNOWN, name, NULL);
	return KM_OK;
}

static int usage_error(struct desk *d, const struct desk_args *args)
{
	char command[64];
	int code = desk_fail(d, KM_EUSAGE);

	if (d->json)
		return code;
	if (args->command)
		snprintf(command, sizeof(command), "kenmon %s%s%s",
			 args->command->group ? args->command->group : "",
			 args->command->group ? " " : "", args->command->name);
	else
		snprintf(command, sizeof(command), "kenmon%s%s", args->group ? " " : "",
			 args->group ? args->group : "");
	desk_usage(d->err, args, d->lang);
	desk_warn(d, DESK_TRY_HELP, command, NULL);
	return code;
}

static int print_completion(struct desk *d, const char *shell)
{
	if (strcmp(shell, "bash") != 0)
		return desk_fail(d, desk_because(d, KM_EUSAGE, DESK_SHELL_UNKNOWN, NULL, NULL));
	desk_completion_bash(d->out);
	return 0;
}

static int print_version(struct desk *d)
{
	fputs("kenmon " KM_VERSION "\n", d->out);
	return 0;
}

int desk_main(struct desk *d, int argc, char **argv)
{
	struct desk_args args = { 0 };
	km_rc rc = desk_parse(d, argc, argv, &args);
	int code;

	if (rc == KM_OK && !args.help && !args.version && !args.completion)
		rc = find_daemon(d, args.daemon_user);
	if (rc != KM_OK)
		code = usage_error(d, &args);
	else if (args.version)
		code = print_version(d);
	else if (args.completion)
		code = print_completion(d, args.completion);
	else if (args.help) {
		desk_help(d->out, &args, d->lang);
		code = 0;
	} else
		code = args.command->run(d, &args);
	desk_close(d);
	return desk_flush(d, code);
}
