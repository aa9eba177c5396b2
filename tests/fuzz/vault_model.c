/* What a right answer is: RFC 4226 and 6238 once more, and who exists. */
#include <string.h>

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <kenmon/people.h>

#include "vault_world.h"

struct model model;
static struct model first;

void model_save(void)
{
	first = model;
}

void model_reset(void)
{
	ptrdiff_t at;

	model = first;
	for (size_t i = 0; i < model.credentials; i++) {
		at = first.credential[i].owner - model.person;
		model.credential[i].owner = &model.person[at];
	}
}

struct person *model_person(const char *login)
{
	for (size_t i = 0; i < model.persons; i++)
		if (!model.person[i].gone && strcmp(model.person[i].login, login) == 0)
			return &model.person[i];
	return NULL;
}

struct credential *model_credential(struct person *owner, uint64_t id, uint8_t factor,
				    const struct km_secret *seed)
{
	struct credential *c = &model.credential[model.credentials];

	fuzz_check(model.credentials < CREDENTIALS, "the model is full");
	model.credentials++;
	*c = (struct credential){
		.owner = owner, .id = id, .factor = factor, .seed = *seed, .algorithm = KM_SHA1
	};
	c->digits = 6;
	c->period = 30;
	c->reach = REACH;
	return c;
}

/* --- codes --------------------------------------------------------------------------- */

static void code_at(const struct credential *c, uint64_t counter, struct km_secret *out)
{
	const EVP_MD *md = c->algorithm == KM_SHA512   ? EVP_sha512()
			   : c->algorithm == KM_SHA256 ? EVP_sha256()
						       : EVP_sha1();
	uint8_t be[8], mac[EVP_MAX_MD_SIZE];
	unsigned len = 0;
	uint32_t n;

	for (size_t i = 0; i < sizeof(be); i++)
		be[i] = (uint8_t)(counter >> (56 - 8 * i));
	HMAC(md, c->seed.bytes, c->seed.len, be, sizeof(be), mac, &len);
	memcpy(be, mac + (mac[len - 1] & 15), 4);
	n = (uint32_t)(be[0] & 0x7f) << 24 | (uint32_t)be[1] << 16 | (uint32_t)be[2] << 8 | be[3];
	memset(out, 0, sizeof(*out));
	out->len = c->digits;
	for (size_t i = c->digits; i-- > 0; n /= 10)
		out->bytes[i] = (uint8_t)('0' + n % 10);
}

static uint64_t stands_at(const struct credential *c)
{
	if (c->factor == KM_FACTOR_TOTP)
		return (uint64_t)(FUZZ_WALL + clock_wall) / (c->period ? c->period : 30);
	return c->next;
}

/* So many codes there are in a set; a bypass is one. */
static size_t set_of(const struct credential *c)
{
	return c->factor == KM_FACTOR_BYPASS ? 1 : KM_RECOVERY_CODES;
}

static void recovery_code(const struct credential *c, size_t n, struct km_secret *out)
{
	memset(out, 0, sizeof(*out));
	out->len = KM_RECOVERY_LENGTH;
	memcpy(out->bytes, c->seed.bytes + n * KM_RECOVERY_LENGTH, KM_RECOVERY_LENGTH);
}

void model_code(const struct credential *c, int offset, struct km_secret *out)
{
	if (c->factor == KM_FACTOR_RECOVERY || c->factor == KM_FACTOR_BYPASS)
		recovery_code(c, (size_t)(offset & 0xff) % set_of(c), out);
	else
		code_at(c, stands_at(c) + (uint64_t)(int64_t)offset, out);
}

static bool same(const struct km_secret *a, const struct km_secret *b)
{
	return a->len == b->len && memcmp(a->bytes, b->bytes, a->len) == 0;
}

static bool accepts_recovery(struct credential *c, const struct km_secret *answer)
{
	struct km_secret code, plain = *answer;

	if (km_answer_class(&plain, KM_SHAPE_RECOVERY) != KM_CLASS_RECOVERY)
		return false;
	if (c->until && FUZZ_WALL + clock_wall > c->until)
		return false;
	for (size_t n = 0; n < set_of(c); n++) {
		recovery_code(c, n, &code);
		if (!same(&code, &plain) || (c->used & 1u << n))
			continue;
		c->used |= 1u << n;
		return true;
	}
	return false;
}

/* Only what was never accepted, and what stands after it. */
static bool accepts_code(struct credential *c, const struct km_secret *answer)
{
	uint64_t at = stands_at(c), from = at > c->reach ? at - c->reach : 0;
	struct km_secret code, plain = *answer;

	if (km_answer_class(&plain, KM_SHAPE_DIGITS) != KM_CLASS_DIGITS)
		return false;
	if (from < c->next)
		from = c->next;
	for (uint64_t n = from; n - from <= 2 * c->reach; n++) {
		code_at(c, n, &code);
		if (!same(&code, &plain))
			continue;
		c->next = n + 1;
		return true;
	}
	return false;
}

bool model_accepts(struct person *p, const struct km_secret *answer, bool clock_in_doubt)
{
	for (size_t i = 0; i < model.credentials; i++) {
		struct credential *c = &model.credential[i];

		if (c->gone || c->owner != p || c->factor == KM_FACTOR_FINGERPRINT ||
		    km_factor_class(c->factor) == KM_CLASS_PHONE ||
		    (clock_in_doubt && c->factor == KM_FACTOR_TOTP))
			continue;
		if (c->factor == KM_FACTOR_RECOVERY || c->factor == KM_FACTOR_BYPASS
			? accepts_recovery(c, answer)
			: accepts_code(c, answer))
			return true;
	}
	return false;
}

bool model_may(const struct person *p, int64_t uid)
{
	int64_t today = (FUZZ_WALL + clock_wall) / 86400;

	return p && p->state == KM_ACTIVE && (p->uid == -1 || p->uid == uid) &&
	       (p->from == KM_DAY_NONE || today >= p->from) &&
	       (p->until == KM_DAY_NONE || today <= p->until);
}

/* --- what a desk did ------------------------------------------------------------------- */

static void added(const struct msg_operator_add *m)
{
	struct person *p = &model.person[model.persons];

	fuzz_check(model.persons < PEOPLE, "the model is full");
	fuzz_check(!model_person(m->login), "a login is registered twice");
	model.persons++;
	*p = (struct person){ .state = KM_ACTIVE,
			      .role = m->role,
			      .uid = m->uid,
			      .from = m->valid_from,
			      .until = m->valid_until };
	memcpy(p->login, m->login, sizeof(p->login));
}

static void removed(const struct person *owner, uint64_t id, uint8_t factor)
{
	for (size_t i = 0; i < model.credentials; i++) {
		struct credential *c = &model.credential[i];

		if (c->owner == owner && (c->id == id || c->factor == factor))
			c->gone = true;
	}
}

static void enrolled(struct person *p, const struct msg_enrol *m, uint64_t id)
{
	struct credential *c = model_credential(p, id, m->factor, &m->secret);

	c->algorithm = m->algorithm;
	c->digits = m->digits;
	c->period = m->period;
	c->next = m->factor == KM_FACTOR_HOTP ? m->counter : 0;
}

/* Of each kind there is one. Whose number is whose is not known any more. */
static void has_phone(struct person *p, const struct msg_enrol_phone *m, uint64_t id)
{
	model.renumbered = true;
	removed(p, 0, m->factor);
	model_credential(p, id, m->factor, &(const struct km_secret){ 0 });
}

static void erased(struct person *p)
{
	p->gone = true;
	p->login[0] = '\0';
	for (size_t i = 0; i < model.credentials; i++)
		if (model.credential[i].owner == p)
			model.credential[i].gone = true;
}

/* Operations that run once for an id, and those that only read. */
static const uint8_t once[] = {
	KM_MSG_OPERATOR_ADD, KM_MSG_OPERATOR_STATE,   KM_MSG_OPERATOR_REBIND,
	KM_MSG_ENROL,        KM_MSG_ENROL_RECOVERY,   KM_MSG_CREDENTIAL_REMOVE,
	KM_MSG_ERASE,        KM_MSG_RESYNC,           KM_MSG_UNLOCK,
	KM_MSG_ACCEPT,       KM_MSG_KEY_ROTATE,       KM_MSG_ENROL_FINGER,
	KM_MSG_CONSENT,      KM_MSG_CONSENT_WITHDRAW, KM_MSG_INVITE,
	KM_MSG_EXPORT,       KM_MSG_OPERATOR_CHANGE,  KM_MSG_REVIEW,
	KM_MSG_BUNDLE_GONE,  KM_MSG_BYPASS,           KM_MSG_TRANSFER,
	KM_MSG_ROSTER_BEGIN, KM_MSG_ROSTER_SLICE,     KM_MSG_ROSTER_END,
	KM_MSG_DUE_RELEASE,  KM_MSG_ENROL_PHONE,      KM_MSG_COURIER_TEST
};
static const uint8_t reads[] = {
	KM_MSG_OPERATOR_LIST,    KM_MSG_OPERATOR_SHOW, KM_MSG_CREDENTIAL_LIST,
	KM_MSG_AUDIT_LIST,       KM_MSG_AUDIT_VERIFY,  KM_MSG_STATUS,
	KM_MSG_KEY_STATUS,       KM_MSG_AUDIT_ANCHOR,  KM_MSG_SENSOR_LIST,
	KM_MSG_IDENTIFY,         KM_MSG_PURPOSE,       KM_MSG_PURPOSE_SHOW,
	KM_MSG_CONSENT_LIST,     KM_MSG_REVIEW_SHOW,   KM_MSG_CERTIFICATE_LIST,
	KM_MSG_CERTIFICATE_SHOW, KM_MSG_LEAVERS,       KM_MSG_ROSTER_LIST,
	KM_MSG_DUE_LIST,         KM_MSG_APPROVAL_LIST, KM_MSG_APPROVAL_SHOW,
	KM_MSG_COURIER_STATUS
};
/*
 * Nothing runs these yet: who writes it says above, and in model_did(), what it does. The first two
 * take a request, and none is filed where one person suffices.
 */
static const uint8_t later[] = {
	KM_MSG_APPROVAL_DECIDE,
	KM_MSG_ACTIVATE,
	KM_MSG_BACKUP,
	KM_MSG_BUNDLE,
};

static bool changes(unsigned number)
{
	return memchr(once, (int)number, sizeof(once)) != NULL;
}

void model_begin(void)
{
	for (size_t i = 0; i < fuzz_number_count; i++) {
		unsigned n = fuzz_numbers[i];

		if (fuzz_table_says(n, KM_FROM_DESK, KM_PHASE_DESK_IDLE))
			fuzz_check(changes(n) || memchr(reads, (int)n, sizeof(reads)) ||
				       memchr(later, (int)n, sizeof(later)),
				   "%s is new: does it change anything, and what? (vault_model.c)",
				   km_message_name(n));
	}
}

static void changed(struct person *p, const struct msg_operator_change *m)
{
	if (m->mask & KM_CHANGE_ROLE)
		p->role = m->role;
	if (m->mask & KM_CHANGE_VALID_FROM)
		p->from = m->valid_from;
	if (m->mask & KM_CHANGE_VALID_UNTIL)
		p->until = m->valid_until;
}

static void resynced(const struct person *p, uint64_t id)
{
	for (size_t i = 0; i < model.credentials; i++)
		if (model.credential[i].owner == p && model.credential[i].id == id)
			model.credential[i].reach = RESYNC;
}

void model_did(const struct km_msg *m, struct person *p, uint64_t id)
{
	bool *done = &model.done[m->status.op[0]];

	/* Or an operation with this id was, before: it is answered like that one. */
	fuzz_check(*done || !memchr(later, m->number, sizeof(later)),
		   "%s was done: what did it do?", km_message_name(m->number));
	/* The same id again: the first result, and no effect. */
	if (!changes(m->number) || *done)
		return;
	*done = true;
	if (m->number == KM_MSG_OPERATOR_ADD)
		added(&m->operator_add);
	/* What these do happens by itself, later: test_roster.c and test_due.c tell it. */
	model.unsure |= m->number == KM_MSG_ROSTER_END || m->number == KM_MSG_TRANSFER;
	if (!p)
		return;
	if (m->number == KM_MSG_OPERATOR_STATE)
		p->state = m->operator_state.state;
	else if (m->number == KM_MSG_OPERATOR_CHANGE)
		changed(p, &m->operator_change);
	else if (m->number == KM_MSG_OPERATOR_REBIND)
		p->uid = m->operator_rebind.uid;
	else if (m->number == KM_MSG_ENROL)
		enrolled(p, &m->enrol, id);
	else if (m->number == KM_MSG_ENROL_FINGER)
		model_credential(p, id, KM_FACTOR_FINGERPRINT, &(const struct km_secret){ 0 });
	else if (m->number == KM_MSG_ENROL_PHONE)
		has_phone(p, &m->enrol_phone, id);
	else if (m->number == KM_MSG_BYPASS)
		model_credential(p, id, KM_FACTOR_BYPASS, &m->bypass.code)->until = m->bypass.until;
	else if (m->number == KM_MSG_CONSENT_WITHDRAW)
		removed(p, 0, KM_FACTOR_FINGERPRINT);
	else if (m->number == KM_MSG_CREDENTIAL_REMOVE)
		removed(p, m->credential_remove.id, 0);
	else if (m->number == KM_MSG_RESYNC)
		resynced(p, m->resync.id);
	else if (m->number == KM_MSG_ERASE)
		erased(p);
	if (m->number != KM_MSG_ENROL_RECOVERY)
		return;
	removed(p, 0, KM_FACTOR_RECOVERY);
	model_credential(p, id, KM_FACTOR_RECOVERY, &m->enrol_recovery.codes);
}
