/*
 * Who is at a desk, once more: an operation that went well on the line of an operator, or of root
 * naming one, was about themselves, or a right code of theirs was given for it.
 */
#include <string.h>

#include "../../authd/vault/desk.h"
#include "vault_world.h"

static struct person *account(uid_t uid)
{
	struct person *found = NULL;

	for (size_t i = 0; i < model.persons; i++) {
		struct person *p = &model.person[i];

		if (p->gone || p->uid != (int64_t)uid)
			continue;
		if (found)
			return NULL; /* that of two is nobody's */
		found = p;
	}
	return found;
}

void side_begin(struct side *s, uid_t peer)
{
	*s = (struct side){ .peer = peer, .who = peer ? account(peer) : NULL };
	fuzz_check(peer == 0 || s->who || model.unsure, "a line for %u", peer);
}

/* Would this code be right now? Nothing is used up. */
static bool would_accept(struct person *p, const struct km_secret *answer, bool clock_in_doubt)
{
	static struct credential before[CREDENTIALS];
	bool right;

	memcpy(before, model.credential, sizeof(before));
	right = p && model_accepts(p, answer, clock_in_doubt);
	memcpy(model.credential, before, sizeof(before));
	return right;
}

void side_says(struct side *s, const struct km_msg *m, bool clock_in_doubt)
{
	if (m->number != KM_MSG_ANSWER || !s->asked)
		return;
	s->asked = false;
	s->answer = m->answer.secret;
	s->answered = true;
	s->right = would_accept(s->who, &s->answer, clock_in_doubt);
}

void side_hears(struct side *s, const struct km_msg *m)
{
	if (m->number == KM_MSG_PROMPT)
		s->asked = m->prompt.shape & KM_SHAPE_OWN;
	if (s->asked)
		s->answered = false; /* not right, or the first question */
}

static bool about_themselves(const struct side *s, const struct operation *o,
			     const struct km_msg *m)
{
	const char *login = km_message_login(m);

	return (o->flags & SELF) && (!login || (s->who && strcmp(login, s->who->login) == 0));
}

/* What it takes for this to have gone well. */
static bool may(const struct side *s, const struct operation *o, const struct km_msg *m, bool *code)
{
	bool root = s->peer == 0, own = about_themselves(s, o, m);

	*code = false;
	if (root && (!s->claimed || (o->flags & (ROOT | CHANGES)) == ROOT))
		return true;
	if (!root && own)
		return true;
	if (!s->who)
		return false;
	*code = root || !(o->flags & ROOT) || (o->flags & CHANGES);
	return own || (root && (o->flags & ROOT)) || (o->roles & (1u << s->who->role));
}

void side_did(struct side *s, const struct km_msg *m, bool clock_in_doubt)
{
	const struct operation *o = operation_of(m);
	bool code;

	fuzz_check(o, "%s: nothing runs it, and it was done", km_message_name(m->number));
	if (m->number == KM_MSG_IDENTIFY) {
		if (s->peer == 0)
			*s = (struct side){ .claimed = true,
					    .who = model_person(m->identify.login) };
		return;
	}
	if (model.unsure)
		return;
	fuzz_check(may(s, o, m, &code), "%s by %u, who may not", km_message_name(m->number),
		   s->peer);
	if (!code)
		return;
	if (s->answered && s->right && !s->proved)
		s->proved = model_accepts(s->who, &s->answer, clock_in_doubt) || s->right;
	fuzz_check(s->proved || s->right, "%s without a right code", km_message_name(m->number));
	s->answered = false;
}
