/* kenmon operator add, change, suspend, resume, rebind. */
#include <inttypes.h>
#include <pwd.h>
#include <string.h>

#include <kenmon/clock.h>
#include <kenmon/factor.h>
#include <kenmon/people.h>
#include <kenmon/phone.h>

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

	if (rc == KM_OK && !km_login_is_possible(m->login))
		rc = desk_because(d, KM_EUSAGE, DESK_LOGIN_IMPOSSIBLE, m->login, NULL);
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
 * ignores case); the name that a login will carry is the canonical one. bound gets its uid where
 * that was taken, or "".
 */
static void bind_account(struct desk *d, struct msg_operator_add *m, char bound[24])
{
	const struct passwd *pw = getpwnam(m->login);
	char uid[24];

	bound[0] = '\0';
	if (pw)
		snprintf(uid, sizeof(uid), "%" PRIu32, (uint32_t)pw->pw_uid);
	if (pw && strcmp(pw->pw_name, m->login) != 0)
		desk_warn(d, DESK_NAME_OTHER, m->login, pw->pw_name);
	else if (pw && m->uid >= 0 && m->uid != (int64_t)pw->pw_uid)
		desk_warn(d, DESK_UID_OTHER, m->login, uid);
	else if (pw && m->uid < 0) {
		m->uid = (int64_t)pw->pw_uid;
		snprintf(bound, sizeof(uid), "%s", uid);
	}
	if (m->uid == 0 || strcmp(m->login, "root") == 0)
		desk_warn(d, DESK_IS_ROOT, m->login, NULL);
}

int cmd_operator_add(struct desk *d, const struct desk_args *args)
{
	struct km_msg m = { .number = KM_MSG_OPERATOR_ADD };
	struct msg_done done = { 0 };
	char bound[24] = "";
	km_rc rc = parse_add(d, args, &m.operator_add);

	if (rc == KM_OK) {
		bind_account(d, &m.operator_add, bound);
		rc = desk_act(d, &m, &done);
	}
	if ((rc == KM_OK || rc == KM_EFILED) && bound[0])
		desk_note(d, DESK_UID_FOUND, m.operator_add.login, bound);
	if (rc == KM_OK && m.operator_add.uid < 0)
		desk_note(d, DESK_UID_LATER, m.operator_add.login, NULL);
	return desk_finish(d, rc, &done, DESK_OPERATOR_ADDED, m.operator_add.login, NULL);
}

/* --- change ----------------------------------------------------------------- */

#define NONE "none" /* takes a day or a number away */

static km_rc change_text(struct desk *d, const char *option, const char *text, char *out,
			 size_t size)
{
	return desk_field(d, option, text, false, out, size);
}

static km_rc change_day(struct desk *d, const char *option, const char *text, int64_t *day)
{
	*day = KM_DAY_NONE;
	return strcmp(text, NONE) == 0 ? KM_OK : desk_day_of(d, option, text, day);
}

/* Without what people write between the digits. */
static km_rc change_phone(struct desk *d, const char *option, const char *text,
			  char out[KM_PHONE_MOST + 2])
{
	if (strcmp(text, NONE) == 0 || km_phone_compact(text, out))
		return KM_OK;
	return desk_because(d, KM_EUSAGE, DESK_PHONE_WRONG, option, NULL);
}

static km_rc change_one(struct desk *d, unsigned bit, const char *text,
			struct msg_operator_change *m)
{
	switch (bit) {
	case KM_CHANGE_NAME:
		return change_text(d, "--name", text, m->name, sizeof(m->name));
	case KM_CHANGE_DEPARTMENT:
		return change_text(d, "--department", text, m->department, sizeof(m->department));
	case KM_CHANGE_ROLE:
		return parse_role(d, text, &m->role);
	case KM_CHANGE_VALID_FROM:
		return change_day(d, "--valid-from", text, &m->valid_from);
	case KM_CHANGE_VALID_UNTIL:
		return change_day(d, "--valid-until", text, &m->valid_until);
	case KM_CHANGE_MOBILE:
		return change_phone(d, "--mobile", text, m->mobile);
	case KM_CHANGE_LANDLINE:
		return change_phone(d, "--landline", text, m->landline);
	default:
		return KM_EINVAL;
	}
}

static km_rc parse_change(struct desk *d, const struct desk_args *args,
			  struct msg_operator_change *m)
{
	/* In the order of the bits. */
	static const char *const options[] = { "name",        "department", "role",    "valid-from",
					       "valid-until", "mobile",     "landline" };
	km_rc rc = desk_login(d, args, 0, m->login);

	for (size_t i = 0; rc == KM_OK && i < sizeof(options) / sizeof(options[0]); i++) {
		const char *text = desk_arg(args, options[i]);

		if (!text)
			continue;
		m->mask |= (uint16_t)(1u << i);
		rc = change_one(d, 1u << i, text, m);
	}
	if (rc == KM_OK && m->mask == 0)
		rc = desk_because(d, KM_EUSAGE, DESK_CHANGE_NOTHING, NULL, NULL);
	if (rc == KM_OK && (m->mask & KM_CHANGE_VALID_FROM) && (m->mask & KM_CHANGE_VALID_UNTIL) &&
	    m->valid_from != KM_DAY_NONE && m->valid_until != KM_DAY_NONE &&
	    m->valid_from > m->valid_until)
		rc = desk_because(d, KM_EUSAGE, DESK_DATES_ORDER, NULL, NULL);
	return rc;
}

int cmd_operator_change(struct desk *d, const struct desk_args *args)
{
	struct km_msg m = { .number = KM_MSG_OPERATOR_CHANGE };
	struct msg_done done = { 0 };
	km_rc rc = parse_change(d, args, &m.operator_change);

	if (rc == KM_OK)
		rc = desk_act(d, &m, &done);
	return desk_finish(d, rc, &done, DESK_OPERATOR_CHANGED, m.operator_change.login, NULL);
}

/* --- state and uid ------------------------------------------------------------ */

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
