"""`llm_focus`: the lake as a bill in the columns of FOCUS 1.2 (FinOps Open Cost and Usage).

All columns that FOCUS 1.2 calls mandatory are there, by their names, and of the conditional ones
those that a gateway knows; `x_` columns are ours. One line is one hour of one key with one model
of one provider. The sum of BilledCost is the sum of `billed_cost`, to the last digit: nothing is
divided and nothing rounded. Requests without a price have lines of their own, `x_IsPriced` false
and BilledCost NULL (FOCUS would want a figure; 0 would be a wrong one). Requests that no provider
had, refused ones, are those of the provider `sekisho`, and cost 0.
"""

FOCUS = """\
SELECT
  sum(billed_cost) AS BilledCost,
  'sekisho' AS BillingAccountId,
  'Sekisho' AS BillingAccountName,
  coalesce(billing_currency, 'USD') AS BillingCurrency,
  date_trunc('month', date_trunc('hour', start_time)) + INTERVAL '1' MONTH AS BillingPeriodEnd,
  date_trunc('month', date_trunc('hour', start_time)) AS BillingPeriodStart,
  'Usage' AS ChargeCategory,
  CAST(NULL AS VARCHAR) AS ChargeClass,
  'Use of a large language model' AS ChargeDescription,
  'Usage-Based' AS ChargeFrequency,
  date_trunc('hour', start_time) + INTERVAL '1' HOUR AS ChargePeriodEnd,
  date_trunc('hour', start_time) AS ChargePeriodStart,
  sum(coalesce(gen_ai_usage_input_tokens, 0) + coalesce(gen_ai_usage_output_tokens, 0))
    AS ConsumedQuantity,
  'Tokens' AS ConsumedUnit,
  sum(billed_cost) AS ContractedCost,
  sum(billed_cost) AS EffectiveCost,
  coalesce(gen_ai_provider_name, 'sekisho') AS InvoiceIssuerName,
  sum(billed_cost) AS ListCost,
  sum(coalesce(gen_ai_usage_input_tokens, 0) + coalesce(gen_ai_usage_output_tokens, 0))
    AS PricingQuantity,
  'Tokens' AS PricingUnit,
  coalesce(gen_ai_provider_name, 'sekisho') AS ProviderName,
  coalesce(gen_ai_provider_name, 'sekisho') AS PublisherName,
  api_key_id AS ResourceId,
  api_key_alias AS ResourceName,
  'API Key' AS ResourceType,
  'AI and Machine Learning' AS ServiceCategory,
  coalesce(gen_ai_request_model, '(none)') AS ServiceName,
  'Generative AI' AS ServiceSubcategory,
  gen_ai_response_model AS SkuId,
  team AS SubAccountId,
  team AS SubAccountName,
  coalesce(end_user_email, end_user_id, owner) AS x_User,
  app AS x_App,
  coalesce(is_priced, false) AS x_IsPriced,
  count(*) AS x_Requests,
  sum(gen_ai_usage_input_tokens) AS x_InputTokens,
  sum(gen_ai_usage_output_tokens) AS x_OutputTokens,
  sum(gen_ai_usage_cache_read_input_tokens) AS x_CacheReadTokens,
  dt
FROM llm_usage
GROUP BY
  dt,
  date_trunc('hour', start_time),
  coalesce(billing_currency, 'USD'),
  coalesce(is_priced, false),
  gen_ai_provider_name,
  gen_ai_request_model,
  gen_ai_response_model,
  api_key_id,
  api_key_alias,
  team,
  coalesce(end_user_email, end_user_id, owner),
  app"""
