/* Progress of something long, for somebody who watches. */
#include <inttypes.h>
#include <unistd.h>

#include <kenmon/clock.h>

#include "commands.h"

#define PATIENCE_MS 1000 /* what is done sooner needs no progress */

km_rc desk_progress_row(struct desk *d, void *arg, const struct km_msg *m)
{
	struct desk_progress *p = arg;
	char done[24], total[24], text[128];
	int fd = fileno(d->err);

	if (m->number != KM_MSG_PROGRESS)
		return KM_EPROTO;
	if (fd < 0 || !isatty(fd) || km_boot_ms() - p->began < PATIENCE_MS)
		return KM_OK;
	snprintf(done, sizeof(done), "%" PRIu64, m->progress.done);
	snprintf(total, sizeof(total), "%" PRIu64, m->progress.total);
	fprintf(d->err, "\r%s", desk_expand(p->text, d->lang, done, total, text, sizeof(text)));
	fflush(d->err);
	p->shown = true;
	return KM_OK;
}

void desk_progress_end(const struct desk *d, const struct desk_progress *p)
{
	if (p->shown)
		fputc('\n', d->err);
}
