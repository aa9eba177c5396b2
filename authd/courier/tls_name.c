#include <openssl/x509v3.h>

#include "tls_name.h"

bool courier_tls_expect(SSL_CTX *ctx, const char *host, bool is_address)
{
	X509_VERIFY_PARAM *param = SSL_CTX_get0_param(ctx);

	X509_VERIFY_PARAM_set_hostflags(param, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS |
						   X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
	return (is_address ? X509_VERIFY_PARAM_set1_ip_asc(param, host)
			   : X509_VERIFY_PARAM_set1_host(param, host, 0)) == 1;
}
