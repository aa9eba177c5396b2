/*
 * A redirection says whom to call instead: a telephone that forwards its calls, an exchange with
 * other ideas. Only numbers of the register are called, so none is followed; libre always does.
 * Before libre's own listener sees such an answer it becomes one that ends the call.
 *
 * libre has no way to be heard first: its list of listeners is put in that order. What is not as it
 * was known to be is found out, and nobody is called.
 */
#include <kenmon/log.h>

#include "sip_stack.h"

#define REDIRECTIONS 300 /* … 399 */
#define REFUSED      400 /* "any other refusal" (sip_reason.c) */

static bool refuse_redirection(const struct sip_msg *msg, void *arg)
{
	(void)arg;
	/* const only because the library says so: it was made for this answer. */
	if (msg->scode >= REDIRECTIONS && msg->scode < REFUSED)
		((struct sip_msg *)(uintptr_t)msg)->scode = REFUSED;
	return false;
}

km_rc voice_redirect_refuse(struct voice_stack *s)
{
	struct le *first;
	struct list *all;

	if (sip_listen(&s->redirections, s->sip, false, refuse_redirection, s) != 0)
		return KM_ENOMEM;
	/* A listener begins with its place in the list. */
	first = (struct le *)(void *)s->redirections;
	all = first->list;
	if (first->data != s->redirections || !all || all->tail != first) {
		km_log(LOG_ERR, "[voice] this libre keeps its listeners in another way: who is "
				"called could not be held to the register, so nobody is");
		return KM_EUNAVAIL;
	}
	list_unlink(first);
	list_prepend(all, first, s->redirections);
	return KM_OK;
}
