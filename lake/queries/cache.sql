-- How much of the input came from caches: the providers' and the gateway's own
SELECT
  coalesce(gen_ai_request_model, '(none)') AS model,
  count(*) AS requests,
  count(*) FILTER (WHERE gateway_cache_hit) AS gateway_cache_hits,
  sum(gen_ai_usage_input_tokens) AS input_tokens,
  sum(gen_ai_usage_cache_read_input_tokens) AS cache_read_tokens,
  sum(gen_ai_usage_cache_creation_input_tokens) AS cache_write_tokens,
  round(
    100e0 * sum(gen_ai_usage_cache_read_input_tokens) / nullif(sum(gen_ai_usage_input_tokens), 0),
    2
  ) AS cache_read_percent
FROM llm_usage
WHERE dt >= :first_day AND dt <= :last_day
  AND start_time >= :since AND start_time < :until
GROUP BY 1
ORDER BY input_tokens DESC NULLS LAST, 1
