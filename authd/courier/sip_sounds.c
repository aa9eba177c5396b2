/* The sounds of a folder, read once: at the start, and at a reload. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sip_sound.h"

static const char *const names[VOICE_SOUNDS] = {
	"0",
	"1",
	"2",
	"3",
	"4",
	"5",
	"6",
	"7",
	"8",
	"9",
	[VOICE_ASK_KEYPAD] = "keypad",
	[VOICE_ASK_SPOKEN] = "spoken",
	[VOICE_ASK_CONFIRM] = "confirm",
	[VOICE_CODE] = "code",
	[VOICE_AGAIN] = "again",
	[VOICE_THANKS] = "thanks",
	[VOICE_NOT_ME] = "not-me",
	[VOICE_NO_KEY] = "no-key",
	[VOICE_TEST] = "test",
	[VOICE_NOTICE] = "notice",
};

static const char *const folders[VOICE_LANGS] = { [KM_LANG_EN] = "en", [KM_LANG_JA] = "ja" };

const char *voice_sound_name(enum voice_sound sound)
{
	return sound < VOICE_SOUNDS ? names[sound] : "?";
}

static km_rc read_all(int fd, uint8_t *buf, size_t len)
{
	for (size_t at = 0; at < len;) {
		ssize_t n = read(fd, buf + at, len - at);

		if (n <= 0 && !(n < 0 && errno == EINTR))
			return KM_EIO;
		if (n > 0)
			at += (size_t)n;
	}
	return KM_OK;
}

static km_rc samples_of(const uint8_t *file, size_t len, struct voice_samples *out)
{
	const uint8_t *bytes;
	size_t count;
	int16_t *at;
	km_rc rc = voice_wav_read(file, len, &bytes, &count);

	if (rc != KM_OK)
		return rc;
	at = malloc(count * sizeof(*at));
	if (!at)
		return KM_ENOMEM;
	for (size_t i = 0; i < count; i++)
		at[i] = (int16_t)(bytes[2 * i] | bytes[2 * i + 1] << 8);
	*out = (struct voice_samples){ count, at };
	return KM_OK;
}

static km_rc read_open(int fd, struct voice_samples *out)
{
	struct stat st;
	uint8_t *file;
	km_rc rc;

	if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode))
		return KM_EIO;
	if (st.st_size < 1 || st.st_size > VOICE_WAV_MAX)
		return KM_ELIMIT;
	file = malloc((size_t)st.st_size);
	if (!file)
		return KM_ENOMEM;
	rc = read_all(fd, file, (size_t)st.st_size);
	if (rc == KM_OK)
		rc = samples_of(file, (size_t)st.st_size, out);
	free(file);
	return rc;
}

static km_rc read_one(const char *path, struct voice_samples *out)
{
	/* O_NONBLOCK: a FIFO in a file's place is refused, not waited for. */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	km_rc rc;

	if (fd < 0)
		return errno == ENOENT ? KM_ENOTFOUND : KM_EIO;
	rc = read_open(fd, out);
	close(fd);
	return rc;
}

km_rc voice_sounds_read(const char *folder, struct voice_sounds *s, char *name, size_t cap)
{
	struct voice_sounds got = { 0 };
	char path[4096];
	km_rc rc = KM_OK;

	for (unsigned i = 0; i < VOICE_LANGS * VOICE_SOUNDS && rc == KM_OK; i++) {
		unsigned lang = i / VOICE_SOUNDS, sound = i % VOICE_SOUNDS;
		int n = snprintf(path, sizeof(path), "%s/%s/%s.wav", folder, folders[lang],
				 names[sound]);

		rc = n > 0 && (size_t)n < sizeof(path) ? read_one(path, &got.sound[lang][sound])
						       : KM_ELIMIT;
		if (rc != KM_OK)
			snprintf(name, cap, "%s/%s.wav", folders[lang], names[sound]);
	}
	if (rc == KM_OK)
		*s = got;
	else
		voice_sounds_free(&got);
	return rc;
}

void voice_sounds_free(struct voice_sounds *s)
{
	if (!s)
		return;
	for (unsigned i = 0; i < VOICE_LANGS; i++)
		for (unsigned j = 0; j < VOICE_SOUNDS; j++)
			free(s->sound[i][j].at);
	*s = (struct voice_sounds){ 0 };
}
