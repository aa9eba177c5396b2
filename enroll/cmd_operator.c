/* kenmon operator add, suspend, resume, rebind. */
#include <inttypes.h>
#include <pwd.h>
#include <string.h>

#include <kenmon/clock.h>
#include <kenmon/factor.h>

#include "commands.h"

static km_rc parse_role(struct desk *d, const char *text, uint8_t *out)
{
	char words[128] = "";
	enum km_role role;
	unsigned i;
	size_t at = 0;

	if (km_role_parse(text, &role)) {
		*out = (uint8_t)role;
		return KM_OK;
	}
	for (i = KM_ROLE_OPERATOR; i <= KM_ROLE_OFFICER; i++)
		at += (size_t)snprintf(words + at, sizeof(words) - at, "%s%s", i ? ", " : "",
				       km_role_word(i));
	return desk_because(d, KM_EUSAGE, DESK_CHOICE_WRONG, "--role", words);
}

static km_rc parse_uid(struct desk *d, const struct desk_args *args, int64_t *out)
{
	const char *text = desk_arg(args, "uid");
	uint64_t uid;
	km_rc rc;

	*out = -1;
	if (!text)
		return KM_OK;
	rc = desk_number(d, "--uid", text, 0, UINT32_MAX - 1, &uid);
	if (rc == KM_OK)
		*out = (int64_t)uid;
	return rc;
}

static km_rc parse_add(struct desk *d, const struct desk_args *args, struct msg_operator_add *m)
{
	km_rc rc = desk_login(d, args, 0, m->login);

	if (rc == KM_OK)
		rc = desk_field(d, "--employee-number", desk_arg(args, "employee-number"), false,
				m->employee_number, sizeof(m->employee_number));
	if (rc == KM_OK)
		rc = desk_field(d, "--name", desk_arg(args, "name"), false, m->name,
				sizeof(m->name));
	if (rc == KM_OK)
		rc = desk_field(d, "--department", desk_arg(args, "department"), false,
				m->department, sizeof(m->department));
	if (rc == KM_OK)
		rc = parse_role(d, desk_arg(args, "role"), &m->role);
	if (rc == KM_OK)
		rc = parse_uid(d, args, &m->uid);
	if (rc == KM_OK)
		rc = desk_day(d, args, "valid-from", &m->valid_from);
	if (rc == KM_OK)
		rc = desk_day(d, args, "valid-until", &m->valid_until);
	if (rc == KM_OK && m->valid_from != KM_DAY_NONE && m->valid_until != KM_DAY_NONE &&
	    m->valid_from > m->valid_until)
		rc = desk_because(d, KM_EUSAGE, DESK_DATES_ORDER, NULL, NULL);
	return rc;
}

/*
 * The account of this name here. NSS may answer to other spellings (SSSD
 * ignores case); the name that a login will carry is the canonical one.
 */
static void bind_account(struct desk *d, struct msg_operator_add *m)
{
	const struct passwd *pw = getpwnam(m->login);
	char uid[24];

	if (pw)
		snprintf(uid, sizeof(uid), "%" PRIu32, (uint32_t)pw->pw_uid);
	if (pw && strcmp(pw->pw_name, m->login) != 0)
		desk_warn(d, DESK_NAME_OTHER, m->login, pw->pw_name);
	else if (pw && m->uid >= 0 && m->uid != (int64_t)pw->pw_uid)
		desk_warn(d, DESK_UID_OTHER, m->login, uid);
	else if (pw && m->uid < 0) {
		m->uid = (int64_t)pw->pw_uid;
		desk_note(d, DESK_UID_FOUND, m->login, uid);
	}
	if (m->uid == 0 || strcmp(m->login, "root") == 0)
		desk_warn(d, DESK_IS_ROOT, m->login, NULL);
}

int cmd_operator_add(struct desk *d, const struct desk_args *args)
{
	struct km_msg m = { .number = KM_MSG_OPERATOR_ADD };
	struct msg_done done = { 0 };
	km_rc rc = parse_add(d, args, &m.operator_add);

	if (rc == KM_OK) {
		bind_account(d, &m.operator_add);
		rc = desk_act(d, &m, &done);
	}
	if (rc == KM_OK && m.operator_add.uid < 0)
		desk_note(d, DESK_UID_LATER, m.operator_add.login, NULL);
	return desk_finish(d, rc, &done, DESK_OPERATOR_ADDED, m.operator_add.login, NULL);
}

static int set_state(struct desk *d, const struct desk_args *args, enum km_operator_state state,
		     enum desk_text said)
{
	struct km_msg m = { .number = KM_MSG_OPERATOR_STATE };
	struct msg_done done = { 0 };
	km_rc rc = desk_login(d, args, 0, m.operator_state.login);

	if (rc == KM_OK)
		rc = desk_field(d, "--reason", desk_arg(args, "reason"), true,
				m.operator_state.reason, sizeof(m.operator_state.reason));
	m.operator_state.state = (uint8_t)state;
	if (rc == KM_OK)
		rc = desk_act(d, &m, &done);
	return desk_finish(d, rc, &done, said, m.operator_state.login, NULL);
}

int cmd_operator_suspend(struct desk *d, const struct desk_args *args)
{
	return set_state(d, args, KM_SUSPENDED, DESK_SUSPENDED);
}

int cmd_operator_resume(struct desk *d, const struct desk_args *args)
{
	return set_state(d, args, KM_ACTIVE, DESK_RESUMED);
}

int cmd_operator_rebind(struct desk *d, const struct desk_args *args)
{
	struct km_msg m = { .number = KM_MSG_OPERATOR_REBIND };
	struct msg_done done = { 0 };
	char uid[24];
	km_rc rc = desk_login(d, args, 0, m.operator_rebind.login);

	if (rc == KM_OK)
		rc = parse_uid(d, args, &m.operator_rebind.uid);
	if (rc == KM_OK && m.operator_rebind.uid == 0)
		desk_warn(d, DESK_IS_ROOT, m.operator_rebind.login, NULL);
	if (rc == KM_OK)
		rc = desk_act(d, &m, &done);
	snprintf(uid, sizeof(uid), "%" PRId64, m.operator_rebind.uid);
	return desk_finish(d, rc, &done,
			   m.operator_rebind.uid < 0 ? DESK_UID_LATER_REBIND : DESK_REBOUND,
			   m.operator_rebind.login, uid);
}
