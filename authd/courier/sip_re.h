/* libre (re.h), as Debian builds it. Its headers are not ours: their warnings are silenced. */
#ifndef KENMON_COURIER_SIP_RE_H
#define KENMON_COURIER_SIP_RE_H

#ifndef HAVE_INTTYPES_H
#define HAVE_INTTYPES_H
#endif
#ifndef HAVE_STDBOOL_H
#define HAVE_STDBOOL_H
#endif
#define HAVE_INET6
#define USE_OPENSSL

#include <re.h>

#endif
