/* Which drivers there are: one row for each way out of the house. */
#include "drivers.h"

const struct courier_driver *courier_driver_of_messages(const struct km_conf *conf)
{
	static const struct courier_driver *const gateways[] = {
		[KM_GATEWAY_NONE] = NULL,
		[KM_GATEWAY_HTTP] = &sms_http_driver,
		[KM_GATEWAY_SPOOL] = &sms_spool_driver,
		[KM_GATEWAY_EXEC] = &sms_exec_driver,
	};

	return gateways[conf->sms.gateway];
}

const struct courier_driver *courier_driver_of_calls(const struct km_conf *conf)
{
	return *conf->voice.server ? &sip_driver : NULL;
}
