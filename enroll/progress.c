/* Progress of something long, for somebody who watches. */
#include <inttypes.h>
#include <unistd.h>

#include <kenmon/clock.h>

#include "commands.h"

#define PATIENCE_MS 1000 /* what is done sooner needs no progress */

void desk_progress_show(struct desk *d, struct desk_progress *p, uint64_t done, uint64_t total)
{
	char first[24], second[24], text[128];
	int fd = fileno(d->err);

	if (fd < 0 || !isatty(fd) || km_boot_ms() - p->began < PATIENCE_MS)
		return;
	snprintf(first, sizeof(first), "%" PRIu64, done);
	snprintf(second, sizeof(second), "%" PRIu64, total);
	fprintf(d->err, "\r%s", desk_expand(p->text, d->lang, first, second, text, sizeof(text)));
	fflush(d->err);
	p->shown = true;
}

km_rc desk_progress_row(struct desk *d, void *arg, const struct km_msg *m)
{
	if (m->number != KM_MSG_PROGRESS)
		return KM_EPROTO;
	desk_progress_show(d, arg, m->progress.done, m->progress.total);
	return KM_OK;
}

void desk_progress_end(const struct desk *d, const struct desk_progress *p)
{
	if (p->shown)
		fputc('\n', d->err);
}
