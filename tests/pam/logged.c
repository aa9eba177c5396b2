/*
 * syslog, read instead of sent: what libpam and the door write ends here, since the program comes
 * before libc when they are loaded.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "peer.h"

#define PUBLIC __attribute__((visibility("default")))

/* Not <syslog.h>: its fortified inline functions would stand in the way. */
PUBLIC __attribute__((format(printf, 2, 3))) void syslog(int priority, const char *format, ...);

static char log_text[65536];

static __attribute__((format(printf, 1, 0))) void keep_line(const char *format, va_list args)
{
	size_t used = strlen(log_text);

	if (sizeof(log_text) - used < 1024)
		return;
	vsnprintf(log_text + used, sizeof(log_text) - used - 1, format, args);
	used = strlen(log_text);
	log_text[used++] = '\n';
	log_text[used] = '\0';
}

PUBLIC void syslog(int priority, const char *format, ...)
{
	va_list args;

	(void)priority;
	va_start(args, format);
	keep_line(format, args);
	va_end(args);
}

PUBLIC __attribute__((format(printf, 3, 4))) void __syslog_chk(int priority, int flag,
							       const char *format, ...);
PUBLIC void __syslog_chk(int priority, int flag, const char *format, ...)
{
	va_list args;

	(void)priority;
	(void)flag;
	va_start(args, format);
	keep_line(format, args);
	va_end(args);
}

void logged_clear(void)
{
	log_text[0] = '\0';
}

bool logged(const char *text)
{
	return strstr(log_text, text) != NULL;
}
