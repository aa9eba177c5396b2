/* See scanner.h. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <libfprint-2/fprint.h>

#include "../../authd/sensor/sensor.h"
#include "scanner.h"

/* --- the process ------------------------------------------------------------- */

static void say(int to, const struct reading *r)
{
	if (write(to, r, sizeof(*r)) != (ssize_t)sizeof(*r))
		_exit(1);
}

/* A picture that comes before libfprint waits for a finger would be thrown away. */
static void on_finger_status(FpDevice *device, GParamSpec *unused, int *to)
{
	static bool waited;
	bool waits = fp_device_get_finger_status(device) == FP_FINGER_STATUS_NEEDED;

	(void)unused;
	if (waits && !waited)
		say(*to, &(struct reading){ .kind = READING_WAITS });
	waited = waits;
}

/* As soon as libfprint has found them; it goes on with the reader for a while. */
static void on_print(FpDevice *device, FpPrint *match, FpPrint *print, gpointer to, GError *error)
{
	struct reading r = { .kind = READING_TAKEN };
	g_autofree guchar *bytes = NULL;
	gsize len = 0;

	(void)device;
	(void)match;
	if (!print || error)
		return;
	if (!fp_print_serialize(print, &bytes, &len, NULL) ||
	    extract_minutiae(bytes, len, &r.m) != KM_OK)
		_exit(1);
	say(*(int *)to, &r);
}

static void read_one(FpDevice *device, int to)
{
	g_autoptr(GPtrArray) nobody = g_ptr_array_new();
	g_autoptr(FpPrint) print = NULL;
	g_autoptr(FpPrint) match = NULL;
	g_autoptr(GError) error = NULL;
	struct reading r = { 0 };

	if (!fp_device_open_sync(device, NULL, NULL))
		_exit(1);
	if (!fp_device_identify_sync(device, nobody, NULL, on_print, &to, &match, &print, &error)) {
		r.kind = error->domain == FP_DEVICE_RETRY ? READING_RETRY : READING_ERROR;
		r.code = error->code;
	}
	/* One that was unplugged is closed already. */
	(void)fp_device_close_sync(device, NULL, NULL);
	if (r.kind)
		say(to, &r);
}

static void read_for_ever(const char *path, int to)
{
	FpContext *context;
	GPtrArray *devices;
	FpDevice *device;

	setenv("FP_VIRTUAL_IMAGE", path, 1);
	for (;;) {
		context = fp_context_new();
		devices = fp_context_get_devices(context);
		if (devices->len == 0)
			_exit(1);
		device = g_ptr_array_index(devices, 0);
		g_signal_connect(device, "notify::finger-status", G_CALLBACK(on_finger_status),
				 &to);
		read_one(device, to);
		g_object_unref(context);
	}
}

/* --- the test ------------------------------------------------------------------ */

bool scanner_start(struct scanner *r, const char *path)
{
	int fd[2];

	if (strlen(path) >= sizeof(r->path) || pipe(fd) < 0)
		return false;
	strcpy(r->path, path);
	r->from = fd[0];
	r->pid = fork();
	if (r->pid == 0) {
		close(fd[0]);
		if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0)
			_exit(1);
		read_for_ever(path, fd[1]);
	}
	close(fd[1]);
	return r->pid > 0;
}

bool scanner_says(struct scanner *r, struct reading *out)
{
	size_t have = 0;

	while (have < sizeof(*out)) {
		ssize_t n = read(r->from, (char *)out + have, sizeof(*out) - have);

		if (n == 0 || (n < 0 && errno != EINTR))
			return false;
		have += n > 0 ? (size_t)n : 0;
	}
	return true;
}

void scanner_end(struct scanner *r)
{
	kill(r->pid, SIGKILL);
	waitpid(r->pid, NULL, 0);
	close(r->from);
	unlink(r->path);
}
