-- Requests without a price: what to look up, and what the bill will have beside the report
SELECT
  coalesce(gen_ai_request_model, '(none)') AS model,
  coalesce(gen_ai_provider_name, '(none)') AS provider,
  coalesce(gen_ai_response_model, '(none)') AS provider_model,
  count(*) AS requests,
  sum(gen_ai_usage_input_tokens) AS input_tokens,
  sum(gen_ai_usage_output_tokens) AS output_tokens,
  min(start_time) AS first_request,
  max(start_time) AS last_request
FROM llm_usage
WHERE dt >= :first_day AND dt <= :last_day
  AND start_time >= :since AND start_time < :until
  AND NOT coalesce(is_priced, false)
GROUP BY 1, 2, 3
ORDER BY requests DESC, 1, 2, 3
