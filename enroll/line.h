/* The private line to the vault, and operations on it, one at a time. */
#ifndef KENMON_DESK_LINE_H
#define KENMON_DESK_LINE_H

#include "desk.h"

struct desk_operation {
	struct km_msg *request; /* its op is filled in here */
	bool once;              /* never sent twice: what was before it goes with the line */
	/*
	 * The operation itself prompts, and is never sent twice. Whatever is
	 * asked for, the vault may first ask for a code of the caller's own.
	 */
	bool asks;
	/*
	 * Not 0: ctrl-C sends ABORT, and so many seconds may pass between two
	 * frames. Such an operation has no prompts of its own.
	 */
	int patience;
	void *arg;
	/* Every frame that is neither PROMPT nor DONE. May be NULL: there must be none. */
	km_rc (*row)(struct desk *d, void *arg, const struct km_msg *m);
	/* Before the operation's first prompt is asked; may be NULL. */
	km_rc (*before)(struct desk *d, void *arg);
	/* set by desk_operate */
	unsigned rows, prompts;
	bool aborted;
	bool told; /* before was called */
	bool open; /* prompt was asked, and the vault spoke before it was answered */
	struct msg_prompt prompt;
	struct msg_done done;
};

/*
 * The words of a prompt, escaped. What is a sentence and no prompt ("That code is not right.") gets
 * one behind it.
 */
void desk_prompt_text(const struct desk *d, const struct msg_prompt *p, char *out, size_t cap);

/* Is a frame with this stamp from the vault, or from somebody who could do all that we can? */
bool desk_believes(const struct desk *d, const struct km_stamp *stamp);

/*
 * Opens the private line, and says there who we are where --as does. KM_EPERM, KM_EUNAVAIL and
 * others with the reason in d.
 */
KM_MUST_CHECK km_rc desk_open(struct desk *d);
void desk_close(struct desk *d);

/*
 * Does one operation and waits for its end. What DONE says is the result; the
 * vault's own words are put behind the sentence of the rc. Opens the line when
 * there is none, and sends an operation without prompts once more, under the
 * same id, when the line breaks before its end.
 */
KM_MUST_CHECK km_rc desk_operate(struct desk *d, struct desk_operation *o);

/*
 * The same in two halves, so that the desk can work while the vault does: an operation without
 * prompts of its own, sent once. Nothing else goes over the line in between, and the request stays
 * where it is. After an error of either half it is over.
 */
KM_MUST_CHECK km_rc desk_begin(struct desk *d, struct desk_operation *o);
KM_MUST_CHECK km_rc desk_end(struct desk *d, struct desk_operation *o);

#endif
