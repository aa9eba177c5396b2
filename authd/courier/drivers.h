/* The drivers; drivers.c says which configuration takes which. */
#ifndef KENMON_COURIER_DRIVERS_H
#define KENMON_COURIER_DRIVERS_H

#include "driver.h"

extern const struct courier_driver sms_http_driver;
extern const struct courier_driver sms_spool_driver;
extern const struct courier_driver sms_exec_driver;
extern const struct courier_driver sip_driver;

#endif
