/* Changing who an operator is, what they may do, and from when to when. */
#include "store_internal.h"

#include <string.h>

#include <kenmon/people.h>

#define CHANGE_WORDS_MAX 160 /* all eight words and both roles have 104 */

/* A text of the person, by its bit. */
static const struct text_field {
	enum km_change bit;
	size_t offset, size;
	bool may_be_empty;
} texts[] = {
#define TEXT_FIELD(BIT, name, empty)                                                               \
	{                                                                                          \
		KM_CHANGE_##BIT, offsetof(struct km_person, name),                                 \
		    sizeof(((struct km_person *)0)->name), empty                                   \
	}
	TEXT_FIELD(LOGIN, login, false),           TEXT_FIELD(NAME, name, false),
	TEXT_FIELD(DEPARTMENT, department, false), TEXT_FIELD(MOBILE, mobile, true),
	TEXT_FIELD(LANDLINE, landline, true),
#undef TEXT_FIELD
};
#define TEXT_COUNT (sizeof(texts) / sizeof(*texts))

#define PERSON_BITS                                                                                \
	(KM_CHANGE_LOGIN | KM_CHANGE_NAME | KM_CHANGE_DEPARTMENT | KM_CHANGE_MOBILE |              \
	 KM_CHANGE_LANDLINE)
#define ROW_BITS                                                                                   \
	(KM_CHANGE_LOGIN | KM_CHANGE_DEPARTMENT | KM_CHANGE_ROLE | KM_CHANGE_VALID_FROM |          \
	 KM_CHANGE_VALID_UNTIL)

/* An operator as it is and as it is to be. */
struct change {
	unsigned changed; /* enum km_change bits */
	struct stored_operator old;
	struct km_operator new;
	struct km_person person;
};

static void change_wipe(struct change *c)
{
	km_wipe(&c->person, sizeof(c->person));
}

static bool acceptable(const struct km_operator_change *wanted)
{
	unsigned mask = wanted->mask;

	if (!mask || (mask & ~(unsigned)KM_CHANGE_BY_ROSTER) ||
	    ((mask & KM_CHANGE_ROLE) && wanted->role > KM_ROLE_OFFICER))
		return false;
	for (size_t i = 0; i < TEXT_COUNT; i++) {
		const char *text = (const char *)&wanted->who + texts[i].offset;
		size_t len = strnlen(text, texts[i].size);

		if ((mask & texts[i].bit) &&
		    (len == texts[i].size || (len == 0 && !texts[i].may_be_empty)))
			return false;
	}
	return true;
}

static void take_texts(struct change *c, const struct km_operator_change *wanted)
{
	for (size_t i = 0; i < TEXT_COUNT; i++) {
		char *to = (char *)&c->person + texts[i].offset;
		const char *from = (const char *)&wanted->who + texts[i].offset;

		if (!(wanted->mask & texts[i].bit) || strcmp(to, from) == 0)
			continue;
		memcpy(to, from, texts[i].size);
		c->changed |= texts[i].bit;
	}
}

static void take_numbers(struct change *c, const struct km_operator_change *wanted)
{
	const struct km_operator *old = &c->old.row;

	c->new = *old;
	if (wanted->mask & KM_CHANGE_ROLE)
		c->new.role = wanted->role;
	if (wanted->mask & KM_CHANGE_VALID_FROM)
		c->new.valid_from = wanted->valid_from;
	if (wanted->mask & KM_CHANGE_VALID_UNTIL)
		c->new.valid_until = wanted->valid_until;
	c->changed |= c->new.role != old->role ? KM_CHANGE_ROLE : 0;
	c->changed |= c->new.valid_from != old->valid_from ? KM_CHANGE_VALID_FROM : 0;
	c->changed |= c->new.valid_until != old->valid_until ? KM_CHANGE_VALID_UNTIL : 0;
}

static bool dates_in_order(const struct km_operator *op)
{
	return op->valid_from == KM_DAY_NONE || op->valid_until == KM_DAY_NONE ||
	       op->valid_from <= op->valid_until;
}

static km_rc make_tags(struct km_store *s, struct change *c)
{
	km_rc rc = KM_OK;

	if (c->changed & KM_CHANGE_LOGIN)
		rc = km_tag_login(s->keys, c->person.login, c->new.login_tag);
	if (!rc && (c->changed & KM_CHANGE_DEPARTMENT))
		rc = km_tag_department(s->keys, c->person.department, c->new.dept_tag);
	return rc;
}

/* What is there, and what becomes of it. */
static km_rc plan(struct km_store *s, const uint8_t subject[KM_SUBJECT_BYTES],
		  const struct km_operator_change *wanted, struct change *c)
{
	km_rc rc = row_operator(s, subject, &c->old);

	if (!rc && c->old.row.state == KM_ERASING)
		rc = KM_ESTATE;
	if (!rc)
		rc = store_person(s, &c->old.row, &c->person);
	if (rc)
		return rc;
	take_texts(c, wanted);
	take_numbers(c, wanted);
	return dates_in_order(&c->new) ? make_tags(s, c) : KM_EINVAL;
}

static km_rc edit(struct km_store *s, const struct change *c)
{
	struct query q QUERY = query_new(s, SQL_OPERATOR_EDIT);
	uint8_t mac[KM_ROW_MAC_BYTES];
	km_rc rc = row_mac_operator(s, &c->new, mac);

	if (rc)
		return rc;
	query_blob(&q, c->new.login_tag, sizeof(c->new.login_tag));
	query_blob(&q, c->new.dept_tag, sizeof(c->new.dept_tag));
	query_int(&q, c->new.role);
	query_int(&q, c->new.valid_from);
	query_int(&q, c->new.valid_until);
	query_blob(&q, mac, sizeof(mac));
	query_int(&q, (int64_t)c->old.row.cursor);
	query_blob(&q, c->old.mac, sizeof(c->old.mac));
	rows_forget(s);
	return query_run(&q); /* KM_EEXIST: the login is another operator's */
}

static km_rc seal_anew(struct km_store *s, const struct change *c)
{
	struct km_subject_key key KM_SUBJECT_KEY = { 0 };
	km_rc rc = credential_key(s, &c->old.row, &key);

	return rc ? rc : identity_change(s, &c->old.row, &key, &c->person);
}

/* "changed=name,role role=approver was=operator" */
static km_rc name_change(struct km_event_record *event, const struct change *c)
{
	static const char *const words[] = { "name",        "department", "role",     "valid-from",
					     "valid-until", "mobile",     "landline", "login" };
	char text[CHANGE_WORDS_MAX] = "";
	size_t at = 0, used = strlen(event->body);

	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
		if (c->changed & 1u << i)
			at += (size_t)snprintf(text + at, sizeof(text) - at, "%s%s",
					       at ? "," : "changed=", words[i]);
	if (c->changed & KM_CHANGE_ROLE)
		at += (size_t)snprintf(text + at, sizeof(text) - at, " role=%s was=%s",
				       km_role_word(c->new.role), km_role_word(c->old.row.role));
	if (used + 1 + at >= sizeof(event->body))
		return KM_ELIMIT;
	snprintf(event->body + used, sizeof(event->body) - used, "%s%s", used ? " " : "", text);
	return KM_OK;
}

static km_rc carry_out(struct km_store *s, const struct change *c,
		       const struct km_event_record *event)
{
	bool who = c->changed & PERSON_BITS;
	struct store_op op STORE_OP = { 0 };
	km_rc rc = store_op_begin(&op, s, who);

	if (!rc && (c->changed & ROW_BITS))
		rc = edit(s, c);
	if (!rc && who)
		rc = seal_anew(s, c);
	if (!rc)
		rc = chain_append(s, event);
	return rc ? rc : store_op_done(&op);
}

km_rc store_operator_change(struct km_store *s, const uint8_t subject[KM_SUBJECT_BYTES],
			    struct km_operator_change *wanted, struct km_event_record *event)
{
	struct change c __attribute__((cleanup(change_wipe))) = { 0 };
	struct km_event_record record;
	km_rc rc;

	if (!event || !acceptable(wanted))
		return KM_EINVAL;
	rc = plan(s, subject, wanted, &c);
	if (rc)
		return rc;
	record = *event;
	if (c.changed)
		rc = name_change(&record, &c);
	if (!rc && c.changed)
		rc = carry_out(s, &c, &record);
	if (rc)
		return rc;
	*event = record;
	wanted->mask = c.changed;
	return KM_OK;
}
